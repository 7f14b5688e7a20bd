"""Whose credentials a registry is shown, and what its challenge is answered with.

oras looks up Docker's configuration and its credential helpers, and reads challenges. It would
look in the home folder only, and end with whatever a damaged file or a helper raises. Tokens
are fetched here: oras asks for two rights as if they were one, and does not tell a server of
tokens that is down from a password that is wrong.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from oras.auth.base import AuthBackend
from oras.auth.utils import get_basic_auth, parse_auth_header
from oras.container import Container

from photosearch.oci.errors import RegistryDown, RegistryRefused
from photosearch.settings.home import looked_up

#: Answers of who is there and can't do it now.
BUSY = (429, 500, 502, 503, 504)


def credentials(user: str | None, password: str | None, registry: str) -> str | None:
    """User and password as a header has them; by default Docker's for this registry, if any.

    Raises:
        RegistryRefused: if Docker's configuration or a helper that it names is damaged.
    """
    if user is not None:
        return str(get_basic_auth(user, password or ""))
    folder = os.environ.get("DOCKER_CONFIG") or looked_up("~/.docker")
    file = None if folder is None else Path(folder) / "config.json"
    if file is None or not file.exists():
        return None
    auth = AuthBackend()
    try:
        auth._auth_config = json.loads(file.read_bytes())
        auth.load_configs(Container(f"{registry}/any"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise RegistryRefused(
            f"the credentials for {registry} can't be read",
            found=f"{type(error).__name__} with {file}: {error}",
            remedy="sign in again (docker login), see that its credential helper works, "
            "or set registry_user and registry_password",
        ) from error
    found = getattr(auth, "_basic_auth", None)
    return None if found is None else str(found)


def is_basic(response: requests.Response) -> bool:
    """Whether a registry wants user and password themselves."""
    return _challenge(response).lower().startswith("basic")


def fetch_token(
    response: requests.Response,
    basic: str | None,
    session: requests.Session,
    verify: bool | str,
) -> str | None:
    """A token for what the registry's challenge asks; None if we get none for it.

    Raises:
        RegistryRefused: if the server of tokens can't give any.
    """
    asked = parse_auth_header(_challenge(response))
    if not _challenge(response).lower().startswith("bearer") or not asked.realm:
        return None
    realm = urljoin(response.url, asked.realm)
    if urlsplit(response.url).scheme == "https" != urlsplit(realm).scheme:
        raise RegistryRefused(
            f"{urlsplit(response.url).netloc} wants a token, and none can be had",
            found=f"a server of tokens without TLS ({urlsplit(realm).netloc})",
            limit="a password goes over TLS, as to the registry",
            remedy="let that server speak https, or name another registry in registry_url",
        )
    answer = session.get(
        realm,
        params={"service": asked.service, "scope": (asked.scope or "").split()},
        headers={} if basic is None else {"Authorization": f"Basic {basic}"},
        verify=verify,
    )
    with answer:
        if answer.status_code in (401, 403):
            return None
        if answer.ok and (token := _token_in(answer)):
            return token
        kind = RegistryDown if answer.status_code in BUSY else RegistryRefused
        raise kind(
            f"{urlsplit(response.url).netloc} wants a token, and none can be had",
            found=f"{answer.status_code} {answer.reason}{' without one' if answer.ok else ''} "
            f"from {urlsplit(realm).netloc}",
            remedy="see to that server, then run this again",
        )


def _challenge(response: requests.Response) -> str:
    return str(response.headers.get("Www-Authenticate", ""))


def _token_in(answer: requests.Response) -> str | None:
    with suppress(ValueError, AttributeError, RecursionError):
        told: Any = answer.json()
        token = told.get("token") or told.get("access_token")
        return None if token is None else str(token)
    return None
