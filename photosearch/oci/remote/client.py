"""Requests to a registry: who we are, and what an answer means.

How long we wait and how much is taken says transport.py, and sign_in.py what we show.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

from photosearch.oci.errors import RegistryDown, RegistryRefused
from photosearch.oci.names import ImageName
from photosearch.oci.registry import BlobContent
from photosearch.oci.remote.docker_config import basic, stored_credentials
from photosearch.oci.remote.sign_in import SignIn
from photosearch.oci.remote.transport import STREAM, Transport
from photosearch.oci.remote.trying import BUSY, TlsFailed

#: An error tells so much of what a registry says.
_TOLD_CHARACTERS = 300
_DONE = (200, 201, 202, 204)
_ABSENT = 404


class RegistryClient:
    """One repository of a registry; the name's tag and digest are of no account.

    ``certificates``: a file of those to be trusted, in place of the system's.
    """

    def __init__(
        self,
        name: ImageName,
        *,
        insecure: bool = False,
        certificates: Path | None = None,
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        self.name = name.repository
        self.host = name.host
        self.path = name.path
        self._origin = f"{'http' if insecure else 'https'}://{name.host}"

        def credentials() -> str | None:
            return stored_credentials(name.host) if user is None else basic(user, password or "")

        self._client = httpx.Client(
            transport=Transport(certificates),
            auth=SignIn(self._origin, credentials),
            follow_redirects=True,
            # Harbor takes who sends its cookies back for a browser, and wants more of it.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    def url(self, path: str) -> str:
        """The address of something in this repository."""
        return f"{self._origin}/v2/{self.path}/{path}"

    def send(
        self,
        method: str,
        url: str,
        *,
        what: str,
        body: bytes | BlobContent | None = None,
        headers: Mapping[str, str] | None = None,
        absent: bool = False,
        passing: tuple[int, ...] = (),
    ) -> httpx.Response:
        """One request, signed in when asked to; ``what`` is the sentence of an error.

        With ``absent``, an answer that there is no such thing is returned as any other.
        ``passing`` are answers that another try may be spared.

        Raises:
            RegistryRefused: if the registry can't be reached or refuses.
        """
        length = {} if body is None else {"Content-Length": f"{len(body)}"}
        with self._telling(what):
            request = self._client.build_request(
                method, url, headers={**(headers or {}), **length}, content=body
            )
            response = self._client.send(request)
        if response.status_code in _DONE or (absent and response.status_code == _ABSENT):
            return response
        raise self._refusal(response, what, passing)

    @contextmanager
    def stream(
        self, url: str, *, what: str, headers: Mapping[str, str] | None = None
    ) -> Iterator[Iterator[bytes] | None]:
        """The bytes at an address as they come; None if there is no such thing.

        Raises:
            RegistryRefused: if the registry can't be reached or refuses, also while they are read.
        """
        with self._telling(what):
            request = self._client.build_request(
                "GET", url, headers=headers, extensions={STREAM: True}
            )
            response = self._client.send(request, stream=True)
        try:
            if response.status_code == _ABSENT:
                yield None
            elif response.status_code in _DONE:
                yield self._pieces(response, what)
            else:
                with suppress(httpx.HTTPError):
                    response.read()
                raise self._refusal(response, what)
        finally:
            response.close()

    def _pieces(self, response: httpx.Response, what: str) -> Iterator[bytes]:
        with self._telling(what):
            yield from response.iter_raw()

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Turn what httpx raises into our errors."""
        try:
            yield
        except TlsFailed as error:
            raise RegistryRefused(
                what,
                found=f"TLS failed: {_cut(str(error))}",
                remedy="set registry_ca_file, or registry_insecure if it speaks plain HTTP",
            ) from error
        # An address that is none, which the registry told, is a ValueError or an InvalidURL.
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise RegistryDown(
                what,
                found=f"{self.host} does not answer: {_cut(str(error))}",
                remedy="see that the registry runs and registry_url names it",
            ) from error

    def _refusal(
        self, response: httpx.Response, what: str, passing: tuple[int, ...] = ()
    ) -> RegistryRefused:
        status, reason = response.status_code, _cut(response.reason_phrase)
        remedy = _REMEDIES.get(status, _SEE_LOG if status >= 500 else None)
        kind = RegistryDown if status in (*BUSY, *passing) else RegistryRefused
        is_delete = response.request.method == "DELETE"
        return kind(
            what,
            found=f"{status} {reason}{_told(response)} from {self.host}",
            remedy=_LET_DELETE if is_delete and status == 405 else remedy,
        )


def _told(response: httpx.Response) -> str:
    """What the registry says of it, if it says anything."""
    try:
        errors = response.json()["errors"]
        return ": " + _cut("; ".join(str(e.get("message") or e.get("code")) for e in errors))
    except (httpx.StreamError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""


def _cut(text: str) -> str:
    return text if len(text) <= _TOLD_CHARACTERS else f"{text[:_TOLD_CHARACTERS]}…"


_SEE_LOG = "see the registry's log (a full disk?), then run this again"
_LET_DELETE = "let the registry delete (storage.delete.enabled; not read-only), then run this again"
_REMEDIES = {
    401: "sign in (docker login), or set registry_user and registry_password",
    403: "give this user the right to that repository",
    405: "the registry is read-only: switch that off, or name another in registry_url",
    413: "raise the registry's limit of request sizes",
    429: "the registry asks for fewer requests: wait, then run this again",
    507: "free space on the registry's disk, then run this again",
}
