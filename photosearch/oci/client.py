"""Requests to a registry: who we are, how long we wait, what an answer means.

oras makes the addresses and knows credentials (sign_in.py). Its way of sending is overridden,
because it waits without limit, keeps a token that has expired or lacks a right, sends a body
before it is let in, reads a layer into memory to send it, and sleeps two minutes before it
says that nobody listens.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from oras.container import Container
from oras.provider import Registry
from urllib3.exceptions import HTTPError

from photosearch.oci.errors import RegistryDown, RegistryRefused
from photosearch.oci.names import ImageName
from photosearch.oci.registry import BlobContent
from photosearch.oci.sign_in import BUSY, credentials, fetch_token, is_basic
from photosearch.oci.transport import Transport, take_whole

#: An error tells so much of what a registry says.
_TOLD_CHARACTERS = 300


class RegistryClient(Registry):  # type: ignore[misc]  # oras has no types
    """One repository of a registry; the name's tag and digest are of no account.

    ``verify``: True for the system's certificates, or a file of certificates.
    """

    def __init__(
        self,
        name: ImageName,
        *,
        insecure: bool = False,
        verify: bool | Path = True,
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        super().__init__(
            hostname=name.host,
            insecure=insecure,
            tls_verify=str(verify) if isinstance(verify, Path) else verify,
        )
        self.name = name.repository
        self.container = Container(self.name)
        # oras takes a host without a dot for a part of the path.
        self.container.registry = name.host
        self.container.namespace, _, self.container.repository = name.path.rpartition("/")
        self._user = user
        self._password = password
        self._credentials_read = False
        self._basic: str | None = None
        # On every later request too: a layer is not sent twice only to be let in.
        self._authorization: str | None = None
        # Else requests puts what ~/.netrc has in place of our own Authorization.
        self.session.auth = lambda request: request
        adapter = Transport()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, adapter)

    def url(self, path: str) -> str:
        """The address of something in this repository."""
        return f"{self.prefix}://{self.container.registry}/v2/{self.container.api_prefix}/{path}"

    def send(
        self,
        method: str,
        url: str,
        *,
        what: str,
        body: bytes | BlobContent | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        expected: tuple[int, ...] = (200, 201, 202, 204),
        absent: bool = False,
        passing: tuple[int, ...] = (),
    ) -> requests.Response:
        """One request, signed in when asked to; ``what`` is the sentence of an error.

        With ``absent``, an answer that there is no such thing is returned as any other.
        ``passing`` are answers that another try may be spared.

        Raises:
            RegistryRefused: if the registry can't be reached or refuses.
        """
        with self.telling(what):
            response = self.do_request(
                url, method, data=cast(Any, body), headers=dict(headers or {}), stream=stream
            )
        if response.status_code in expected or (absent and response.status_code == 404):
            return response
        with response:
            raise self._refusal(response, what, method, passing)

    def do_request(
        self,
        url: str,
        method: str = "GET",
        data: Any = None,
        headers: dict[str, str] | None = None,
        json: dict[str, Any] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """In place of oras's own."""
        response = self._send(url, method, data, headers, json, stream)
        if response.status_code != 401 or not self._sign_in(response):
            return response
        response.close()
        return self._send(url, method, data, headers, json, stream)

    @contextmanager
    def telling(self, what: str) -> Iterator[None]:
        """Turn what requests raises into our errors, and urllib3 while a body is read."""
        try:
            yield
        except requests.exceptions.SSLError as error:
            raise RegistryRefused(
                what,
                found=f"TLS failed: {_cause(error)}",
                remedy="set registry_ca_file, or registry_insecure if it speaks plain HTTP",
            ) from error
        # ValueError: an address that is none, which the registry told.
        except (requests.exceptions.RequestException, HTTPError, ValueError) as error:
            raise RegistryDown(
                what,
                found=f"{self.container.registry} does not answer: {_cause(error)}",
                remedy="see that the registry runs and registry_url names it",
            ) from error

    def _send(
        self, url: str, method: str, data: Any, headers: Any, json: Any, stream: bool
    ) -> requests.Response:
        signed = dict(headers or {})
        # A Location or a next page may lie on any host, and that is shown nothing of ours.
        if self._authorization is not None and self._is_ours(url):
            signed["Authorization"] = self._authorization
        response: requests.Response = self.session.request(
            method,
            url,
            data=data,
            json=json,
            headers=signed,
            stream=stream,
            verify=self._tls_verify,
        )
        return response

    def _sign_in(self, response: requests.Response) -> bool:
        """Answer a registry's challenge; whether it is worth asking again."""
        if not self._is_ours(response.url):  # a host that was led to asks for the password
            return False
        if not self._credentials_read:
            self._basic = credentials(self._user, self._password, self.container.registry)
            self._credentials_read = True
        if is_basic(response):
            if self._basic is None or self._authorization is not None:
                return False
            self._authorization = f"Basic {self._basic}"
            return True
        token = fetch_token(response, self._basic, self.session, self._tls_verify)
        self._authorization = None if token is None else f"Bearer {token}"
        return token is not None

    def _is_ours(self, url: str) -> bool:
        return _origin(url) == _origin(f"{self.prefix}://{self.container.registry}")

    def _refusal(
        self, response: requests.Response, what: str, method: str, passing: tuple[int, ...]
    ) -> RegistryRefused:
        status, reason = response.status_code, _cut(response.reason or "")
        remedy = _REMEDIES.get(status, _SEE_LOG if status >= 500 else None)
        kind = RegistryDown if status in (*BUSY, *passing) else RegistryRefused
        return kind(
            what,
            found=f"{status} {reason}{_told(response)} from {self.container.registry}",
            remedy=_LET_DELETE if (method, status) == ("DELETE", 405) else remedy,
        )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port, which registries write or leave out where it is the usual one."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _told(response: requests.Response) -> str:
    """What the registry says of it, if it says anything."""
    try:
        take_whole(response)
        errors = response.json()["errors"]
        return ": " + _cut("; ".join(str(e.get("message") or e.get("code")) for e in errors))
    except (requests.exceptions.RequestException, HTTPError):
        return ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""


def _cut(text: str) -> str:
    return text if len(text) <= _TOLD_CHARACTERS else f"{text[:_TOLD_CHARACTERS]}…"


def _cause(error: BaseException) -> str:
    reason = getattr(error.args[0] if error.args else error, "reason", None) or error
    return _cut(str(reason))


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

# oras logs what becomes an error here.
logging.getLogger("oras").setLevel(logging.CRITICAL)
