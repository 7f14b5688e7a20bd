"""Letting a registry know who asks: user and password themselves, or a token for them.

A registry answers the first request with a challenge. What it is then shown goes with every
later request at once, so that a layer is not sent twice only to be let in, until it is refused:
a token expires, and has one right. Only the registry is shown it, by its origin: a Location, a
redirect or a next page may lie on any host.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

import httpx

from photosearch.oci.errors import RegistryDown, RegistryRefused
from photosearch.oci.remote.challenges import Challenge, parse_challenges
from photosearch.oci.remote.trying import BUSY

_Flow = Generator[httpx.Request, httpx.Response, None]


class SignIn(httpx.Auth):
    """To one registry. ``credentials`` gives user and password as a header has them, if any; it
    is asked when they are needed first."""

    def __init__(self, registry: str, credentials: Callable[[], str | None]) -> None:
        self._registry = registry
        self._credentials = credentials
        self._are_known = False
        self._basic: str | None = None
        self._authorization: str | None = None

    def sync_auth_flow(self, request: httpx.Request) -> _Flow:
        if self.is_registry(request.url):
            self._show(request)
        response = yield request
        # A host that was led to may ask for the password too.
        if response.status_code != httpx.codes.UNAUTHORIZED or not self.is_registry(response.url):
            return
        self._authorization = yield from self._answer(response)
        if self._authorization is not None:
            self._show(request)
            yield request

    def is_registry(self, url: httpx.URL) -> bool:
        """Whether an address is the registry's, by scheme, host and port."""
        return _origin(url) == _origin(httpx.URL(self._registry))

    def _show(self, request: httpx.Request) -> None:
        if self._authorization is not None:
            request.headers["Authorization"] = self._authorization

    def _answer(
        self, response: httpx.Response
    ) -> Generator[httpx.Request, httpx.Response, str | None]:
        """What to show then; None if there is nothing that was not shown yet."""
        if not self._are_known:
            self._basic = self._credentials()
            self._are_known = True
        for told in response.headers.get_list("WWW-Authenticate"):
            for challenge in parse_challenges(told):
                if challenge.scheme == "basic" and self._basic is not None:
                    shown = f"Basic {self._basic}"
                    return None if response.request.headers.get("Authorization") == shown else shown
                if challenge.scheme == "bearer" and challenge.parameters.get("realm"):
                    return (yield from self._token(response.url, challenge))
        return None

    def _token(
        self, asked_by: httpx.URL, challenge: Challenge
    ) -> Generator[httpx.Request, httpx.Response, str | None]:
        """A token for what the challenge asks; None if we get none for it.

        Raises:
            RegistryRefused: if the server of tokens can't give any.
        """
        realm = httpx.URL(urljoin(str(asked_by), challenge.parameters["realm"]))
        if asked_by.scheme == "https" != realm.scheme:
            raise RegistryRefused(
                f"{_named(asked_by)} wants a token, and none can be had",
                found=f"a server of tokens without TLS ({_named(realm)})",
                limit="a password goes over TLS, as to the registry",
                remedy="let that server speak https, or name another registry in registry_url",
            )
        asked = challenge.parameters
        wanted = [("service", asked["service"])] if "service" in asked else []
        # Two rights are two parameters, as for a base that is mounted.
        wanted += [("scope", scope) for scope in asked.get("scope", "").split()]
        shown = {} if self._basic is None else {"Authorization": f"Basic {self._basic}"}
        answer = yield httpx.Request("GET", _with(realm, wanted), headers=shown)
        answer.read()
        if answer.status_code in (401, 403):
            return None
        if answer.is_success and (token := _token_in(answer)):
            return f"Bearer {token}"
        kind = RegistryDown if answer.status_code in BUSY else RegistryRefused
        without = " without one" if answer.is_success else ""
        raise kind(
            f"{_named(asked_by)} wants a token, and none can be had",
            found=f"{answer.status_code} {answer.reason_phrase}{without} from {_named(realm)}",
            remedy="see to that server, then run this again",
        )


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Registries write the port or leave it out where it is the usual one."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _with(url: httpx.URL, parameters: Sequence[tuple[str, str]]) -> httpx.URL:
    """What the address asks for already stays."""
    return url.copy_with(params=[*url.params.multi_items(), *parameters])


def _named(url: httpx.URL) -> str:
    return url.netloc.decode("ascii", "replace")


def _token_in(answer: httpx.Response) -> str | None:
    with suppress(ValueError, AttributeError, RecursionError):
        told: Any = answer.json()
        token = told.get("token") or told.get("access_token")
        return None if token is None else str(token)
    return None
