"""How requests to a registry go out, and how much of an answer is taken.

Whoever answers may be anybody: a registry, the server of tokens that it names, the host that it
redirects to. httpx takes an answer whole, however long it is and lasts, and so it does with
what a redirect says beside its address. Here every answer but a stream has an end in bytes and
in time, and a stream, whose bytes its reader counts, is never slower than a modem.

Nothing is decoded: a digest is that of the bytes as they are kept.
"""

import ssl
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import httpcore
import httpx

from photosearch.oci.documents import MOST_DOCUMENT_BYTES
from photosearch.oci.remote.ending_reads import EndingReads, EndingStream
from photosearch.oci.remote.proxies import proxy_for
from photosearch.oci.remote.trying import TRYING, AnswerTooLong, NoAnswer, NoConnection, TlsFailed

CONNECT_TIMEOUT_S = 5.0
#: An idle connection is kept so long: who is between may forget it without a word.
KEPT_S = 30.0
#: Without a byte from the registry for so long, it hangs.
READ_TIMEOUT_S = 60.0
#: A document has a byte more to be seen as too long.
MOST_ANSWER_BYTES = MOST_DOCUMENT_BYTES + 1
#: A stream brings this much in each READ_TIMEOUT_S, or it is as good as hung.
LEAST_STREAM_BYTES = 64 << 10
#: Among a request's extensions: its answer, if it is what was asked for, is a stream.
STREAM = "photosearch.stream"

_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "photosearch"}
_NO_ANSWER = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


class Transport(httpx.BaseTransport):
    """Gives every request its limits: also those for tokens and those of redirects.

    ``certificates`` are a file of those to be trusted, in place of the system's.
    """

    def __init__(self, certificates: Path | None = None) -> None:
        self._certificates = certificates
        self._pools: dict[tuple[str, str | None], httpcore.ConnectionPool] = {}
        # Registries are opened and forgotten; nobody closes them.
        weakref.finalize(self, _close, self._pools)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.headers.update(_HEADERS)
        return TRYING(self._send, request)

    def _send(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        with _told():
            answer = self._pool(url).handle_request(
                httpcore.Request(
                    request.method,
                    _plain(url),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions={"timeout": _limits()},
                )
            )
        is_stream = answer.status == httpx.codes.OK and STREAM in request.extensions
        return httpx.Response(
            answer.status,
            headers=[each for each in answer.headers if each[0].lower() != b"content-encoding"],
            stream=_Body(answer, is_stream=is_stream),
            extensions={"reason_phrase": answer.extensions["reason_phrase"]},
        )

    def _pool(self, url: httpx.URL) -> httpcore.ConnectionPool:
        key = url.scheme, proxy_for(url)
        return self._pools.get(key) or self._pools.setdefault(key, self._new_pool(*key))

    def _new_pool(self, scheme: str, proxy: str | None) -> httpcore.ConnectionPool:
        if scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"an address that begins with {scheme!r}")
        return httpcore.ConnectionPool(
            ssl_context=self._trusted if scheme == "https" else None,  # which takes time to read
            proxy=None if proxy is None else self._proxy(httpx.URL(proxy)),
            keepalive_expiry=KEPT_S,
            network_backend=EndingReads(),
        )

    def _proxy(self, url: httpx.URL) -> httpcore.Proxy:
        if url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"a proxy that speaks {url.scheme!r} and not http")
        return httpcore.Proxy(
            _plain(url.copy_with(path="/", query=None)),
            auth=(url.username, url.password) if url.userinfo else None,
            ssl_context=self._trusted if url.scheme == "https" else None,
        )

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        try:
            if self._certificates is not None:
                return ssl.create_default_context(cafile=self._certificates)
            # Those of $SSL_CERT_FILE or $SSL_CERT_DIR; else what certifi has, and the system.
            context = httpx.create_ssl_context()
            context.load_default_certs()
            return context
        except OSError as error:
            raise TlsFailed(f"no certificates in {self._certificates or '…'}: {error}") from error


class _Body(httpx.SyncByteStream):
    """The body of an answer, within its limits."""

    def __init__(self, answer: httpcore.Response, *, is_stream: bool) -> None:
        self._answer = answer
        self._is_stream = is_stream

    def __iter__(self) -> Iterator[bytes]:
        with _told():
            yield from self._stream() if self._is_stream else self._whole()

    def close(self) -> None:
        self._answer.close()

    def _whole(self) -> Iterator[bytes]:
        self._renew()
        size = 0
        for piece in self._answer.iter_stream():
            size += len(piece)
            if size > MOST_ANSWER_BYTES:
                raise AnswerTooLong(f"its answer has more than {MOST_ANSWER_BYTES - 1} bytes")
            yield piece

    def _stream(self) -> Iterator[bytes]:
        pieces = self._answer.iter_stream()
        taken, since = 0, time.monotonic()
        while True:
            self._renew()
            piece = next(pieces, None)
            if piece is None:
                return
            taken += len(piece)
            if taken >= LEAST_STREAM_BYTES:
                taken, since = 0, time.monotonic()
            elif time.monotonic() - since > READ_TIMEOUT_S:
                raise NoAnswer(
                    f"{taken} bytes in {READ_TIMEOUT_S:.0f} s, {LEAST_STREAM_BYTES} are the least"
                )
            before = time.monotonic()
            yield piece
            since += time.monotonic() - before  # what the reader does is not the sender's time

    def _renew(self) -> None:
        connection = self._answer.extensions["network_stream"]
        assert isinstance(connection, EndingStream)
        connection.renew()


def _limits() -> dict[str, float | None]:
    return {
        "connect": CONNECT_TIMEOUT_S,
        "read": READ_TIMEOUT_S,
        "write": READ_TIMEOUT_S,
        "pool": None,
    }


def _plain(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


@contextmanager
def _told() -> Iterator[None]:
    """Turn what httpcore raises into errors that httpx knows."""
    try:
        yield
    except _NO_ANSWER as error:
        told = str(error) or type(error).__name__
        if isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout):
            is_tls = any(isinstance(cause, ssl.SSLError) for cause in error.args)
            raise (TlsFailed if is_tls else NoConnection)(told) from error
        raise NoAnswer(told) from error


def _close(pools: dict[tuple[str, str | None], httpcore.ConnectionPool]) -> None:
    for pool in pools.values():
        pool.close()
