"""What ``docker login`` keeps: user and password of a registry, in a file or with a helper.

The file is ``~/.docker/config.json``, or in the folder of ``$DOCKER_CONFIG``, where Kubernetes'
secrets of that kind can be mounted. It holds what it holds in ``auths``; else a program is asked
that ``credHelpers`` names for this registry, or ``credsStore`` for all.
"""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from photosearch.oci.errors import RegistryRefused
from photosearch.settings.home import looked_up

#: A helper may ask a person or a cloud.
HELPER_S = 60.0


def basic(user: str, password: str) -> str:
    """User and password as a header has them."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def stored_credentials(host: str) -> str | None:
    """Those for a registry, as a header has them; None if there are none.

    Raises:
        RegistryRefused: if the file, or what a helper says, is damaged.
    """
    folder = os.environ.get("DOCKER_CONFIG") or looked_up("~/.docker")
    file = None if folder is None else Path(folder) / "config.json"
    if file is None or not file.exists():
        return None
    try:
        config = json.loads(file.read_bytes())
        found = (_of(config, name) for name in _names(host))
        return next((one for one in found if one is not None), None)
    except _DAMAGE as error:
        raise RegistryRefused(
            f"the credentials for {host} can't be read",
            found=f"{type(error).__name__} with {file}: {error}",
            remedy="sign in again (docker login), see that its credential helper works, "
            "or set registry_user and registry_password",
        ) from error


_DAMAGE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError),
    subprocess.SubprocessError,
)


def _names(host: str) -> Iterator[str]:
    """A registry of this machine goes by two names."""
    yield host
    for one, other in (("localhost", "127.0.0.1"), ("127.0.0.1", "localhost")):
        if host.partition(":")[0] == one:
            yield host.replace(one, other, 1)


def _of(config: dict[str, Any], host: str) -> str | None:
    written = _written(config.get("auths", {}), host)
    if written is not None:
        return written
    helpers = (config.get("credHelpers", {}).get(host), config.get("credsStore"))
    told = (_ask(helper, host) for helper in helpers if helper)
    return next((one for one in told if one is not None), None)


def _written(auths: dict[str, Any], host: str) -> str | None:
    """What the file itself has: under the host's name, or its address."""
    for name in (host, *(name for name in auths if _host_of(name) == host)):
        entry = auths.get(name) or {}
        if entry.get("auth"):
            # Decoded to see that it is one: what is damaged is told, and not sent.
            user, colon, password = base64.b64decode(entry["auth"]).decode().partition(":")
            if not colon:
                raise ValueError(f"auth of {name} is no user and password")
            return basic(user, password.rstrip("\0"))
        if entry.get("username"):
            return basic(entry["username"], entry.get("password") or "")
    return None


def _host_of(name: str) -> str:
    return name.partition("://")[2].partition("/")[0] if "://" in name else name.partition("/")[0]


def _ask(helper: str, host: str) -> str | None:
    """What a helper keeps; None if it keeps nothing, or there is no such helper."""
    try:
        ended = subprocess.run(
            ["docker-credential-" + helper, "get"],
            input=host.encode(),
            capture_output=True,
            check=True,
            timeout=HELPER_S,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    told = json.loads(ended.stdout)
    return basic(told["Username"], told["Secret"])
