"""Requests to a registry: who we are, how long we wait, what an answer means.

oras finds the credentials (Docker's configuration file and its helpers), fetches tokens and
makes the addresses. Its way of sending is overridden, because it waits without limit, keeps a
token that has expired or lacks a right, sends a body before it is let in, reads a layer
into memory to send it, and sleeps two minutes before it says that nobody listens.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import requests
from oras.container import Container
from oras.provider import Registry
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from photosearch.oci.errors import RegistryDown, RegistryRefused

if TYPE_CHECKING:
    from photosearch.oci.image_registry import BlobContent

CONNECT_TIMEOUT_S = 5.0
#: Without a byte from the registry for so long, it hangs.
READ_TIMEOUT_S = 60.0
_BUSY = (429, 500, 502, 503, 504)


class RegistryClient(Registry):  # type: ignore[misc]  # oras has no types
    """One repository of a registry: ``name`` is ``host:port/path``.

    ``verify``: True for the system's certificates, or a file of certificates.
    """

    def __init__(
        self,
        name: str,
        *,
        insecure: bool,
        verify: bool | Path,
        user: str | None,
        password: str | None,
    ) -> None:
        host = name.partition("/")[0]
        super().__init__(
            hostname=host,
            insecure=insecure,
            tls_verify=str(verify) if isinstance(verify, Path) else verify,
        )
        self.container = Container(name, registry=host)
        self.name = name
        self._user = user
        self._password = password
        self._credentials_read = False
        # Else requests puts what ~/.netrc has in place of our own Authorization.
        self.session.auth = lambda request: request
        adapter = _Adapter(max_retries=_retries())
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
        body: "bytes | BlobContent | None" = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        expected: tuple[int, ...] = (200, 201, 202, 204),
        absent: bool = False,
    ) -> requests.Response:
        """One request, signed in when asked to; ``what`` is the sentence of an error.

        With ``absent``, an answer that there is no such thing is returned as any other.

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
            raise self._refusal(response, what, method)

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
        except (requests.exceptions.RequestException, HTTPError) as error:
            raise RegistryDown(
                what,
                found=f"{self.container.registry} does not answer: {_cause(error)}",
                remedy="see that the registry runs and registry_url names it",
            ) from error

    def _send(
        self, url: str, method: str, data: Any, headers: Any, json: Any, stream: bool
    ) -> requests.Response:
        signed = dict(headers or {})
        if self.auth.token is not None:
            signed["Authorization"] = f"Bearer {self.auth.token}"
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
        self._read_credentials()
        challenge = response.headers.get("Www-Authenticate", "")
        if challenge.lower().startswith("basic"):
            basic = getattr(self.auth, "_basic_auth", None)
            if basic is None or self.session.headers.get("Authorization"):
                return False
            # On every later request too: a layer is not sent twice only to be let in.
            self.session.headers["Authorization"] = f"Basic {basic}"
            return True
        self.auth.token = None  # else oras gives the old one, which has just been refused
        _, signed_in = self.auth.authenticate_request(response, {})
        return bool(signed_in)

    def _read_credentials(self) -> None:
        if self._credentials_read:
            return
        self._credentials_read = True
        if self._user is not None:
            self.auth.set_basic_auth(self._user, self._password or "")
        else:
            self.auth.load_configs(self.container)

    def _refusal(self, response: requests.Response, what: str, method: str) -> RegistryRefused:
        status = response.status_code
        remedy = _REMEDIES.get(status, _SEE_LOG if status >= 500 else None)
        kind = RegistryDown if status in _BUSY else RegistryRefused
        return kind(
            what,
            found=f"{status} {response.reason}{_told(response)} from {self.container.registry}",
            remedy=_LET_DELETE if (method, status) == ("DELETE", 405) else remedy,
        )


class _Adapter(HTTPAdapter):
    """Gives every request a time limit, oras's for tokens too."""

    def send(self, request: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        if options.get("timeout") is None:
            options["timeout"] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        return super().send(request, **options)


def _retries() -> Retry:
    """Again for what only asks; what sends is tried again by whoever has the content."""
    return Retry(
        total=4,
        connect=2,
        other=0,  # a certificate that is not trusted stays so
        backoff_factor=0.3,
        status_forcelist=_BUSY,
        allowed_methods=("GET", "HEAD"),
        raise_on_status=False,
        respect_retry_after_header=True,
    )


def _told(response: requests.Response) -> str:
    """What the registry says of it, if it says anything."""
    try:
        errors = response.json()["errors"]
        return ": " + "; ".join(str(e.get("message") or e.get("code")) for e in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _cause(error: BaseException) -> str:
    reason = getattr(error.args[0] if error.args else error, "reason", None) or error
    return str(reason)


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
