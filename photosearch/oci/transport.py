"""How requests to a registry go out, and how much of an answer is taken.

Whoever answers may be anybody: a registry, the server of tokens that it names, the host that it
redirects to. requests takes an answer whole, however long it is and lasts, and so it does with
what a redirect says beside its address. Here every answer but a stream has an end in bytes and
in time, and a stream, whose bytes its reader counts, is never slower than a modem.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.response import HTTPResponse
from urllib3.util.retry import Retry

from photosearch.oci.documents import MOST_DOCUMENT_BYTES
from photosearch.oci.sign_in import BUSY

CONNECT_TIMEOUT_S = 5.0
#: Without a byte from the registry for so long, it hangs.
READ_TIMEOUT_S = 60.0
#: A registry's wish for a pause is granted up to this.
LONGEST_PAUSE_S = 30
#: So long may headers take, a body that is no stream, and each piece of a stream. The sockets'
#: own limit begins anew with every byte.
ANSWER_S = 60.0
#: A document has a byte more to be seen as too long.
MOST_ANSWER_BYTES = MOST_DOCUMENT_BYTES + 1
#: A stream brings this much in each READ_TIMEOUT_S, or it is as good as hung.
LEAST_STREAM_BYTES = 64 << 10
CHUNK_BYTES = 256 << 10


class AnswerTooLong(requests.exceptions.RequestException):
    """More came than any answer has."""


class Transport(HTTPAdapter):
    """Gives every request its limits: also oras's, those for tokens and those of redirects."""

    def __init__(self) -> None:
        super().__init__(max_retries=_retries())

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def send(  # type: ignore[override]
        self, request: Any, *, stream: bool = False, timeout: Any = None, **options: Any
    ) -> requests.Response:
        timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S) if timeout is None else timeout
        try:
            response = super().send(request, stream=True, timeout=timeout, **options)
        except LocationParseError as error:
            raise requests.exceptions.InvalidURL(str(error), request=request) from error
        if not stream or response.is_redirect:
            try:
                take_whole(response)
            except BaseException:
                response.close()
                raise
        return response


def streamed(response: requests.Response) -> Iterator[bytes]:
    """The bytes of a stream as they come, up to a megabyte at once.

    Raises:
        requests.exceptions.ReadTimeout: if they come too slowly to ever end.
    """
    taken, since = 0, time.monotonic()
    # Not decoded: a digest is that of the bytes as they are kept.
    while chunk := _piece(response.raw, decode_content=False):
        taken += len(chunk)
        if taken >= LEAST_STREAM_BYTES:
            taken, since = 0, time.monotonic()
        elif time.monotonic() - since > READ_TIMEOUT_S:
            raise requests.exceptions.ReadTimeout(
                f"{taken} bytes in {READ_TIMEOUT_S:.0f} s, {LEAST_STREAM_BYTES} are the least"
            )
        before = time.monotonic()
        yield chunk
        since += time.monotonic() - before  # what the reader does is not the sender's time


def take_whole(response: requests.Response) -> None:
    """Read the body, so that ``response.content`` has it, within the limits."""
    if response._content_consumed:  # type: ignore[attr-defined]
        return
    ends = time.monotonic() + ANSWER_S
    content = bytearray()
    try:
        while chunk := _piece(response.raw, decode_content=True):
            content += chunk
            if len(content) > MOST_ANSWER_BYTES:
                raise AnswerTooLong(f"its answer has more than {MOST_ANSWER_BYTES - 1} bytes")
            if time.monotonic() > ends:
                raise requests.exceptions.ReadTimeout(f"its answer lasts over {ANSWER_S:.0f} s")
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    response._content = bytes(content)
    response._content_consumed = True  # type: ignore[attr-defined]
    response.raw.release_conn()


def _piece(raw: HTTPResponse, *, decode_content: bool) -> bytes:
    with _ended(raw.shutdown):  # what follows the last byte has no end of its own
        return raw.read1(CHUNK_BYTES, decode_content=decode_content)


@contextmanager
def _ended(shut: Callable[[], object]) -> Iterator[None]:
    """Call ``shut``, which wakes who reads, if what is done here takes longer than ANSWER_S."""
    over = threading.Event()

    def end() -> None:
        over.set()
        with suppress(OSError, ValueError, RuntimeError):  # it just ended by itself
            shut()

    timer = threading.Timer(ANSWER_S, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if over.is_set():
            raise requests.exceptions.ReadTimeout(f"its answer lasts over {ANSWER_S:.0f} s")


class _Connection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        with _ended(lambda: self.sock.shutdown(socket.SHUT_RDWR)):
            return super().getresponse()


class _TlsConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        with _ended(lambda: self.sock.shutdown(socket.SHUT_RDWR)):
            return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Retry(Retry):
    # Its types name private ones of urllib3.
    def increment(self, *args: Any, **named: Any) -> Retry:  # type: ignore[override]
        response = named.get("response")
        if response is not None:
            response.close()  # else it is read to its end, which may be never
        return super().increment(*args, **named)


def _retries() -> Retry:
    """Again for what only asks; what sends is tried again by whoever has the content."""
    return _Retry(
        total=4,
        connect=2,
        other=0,  # a certificate that is not trusted stays so
        backoff_factor=0.3,
        status_forcelist=BUSY,
        allowed_methods=("GET", "HEAD"),
        raise_on_status=False,
        respect_retry_after_header=True,
        retry_after_max=LONGEST_PAUSE_S,
    )
