"""Under which names the API answers.

A page of any site can have its own name lead to this machine's address (DNS rebinding), and
then asks the API as its own origin: what listens on loopback only is read by a stranger. The
browser still sends the site's name as Host. An IP address, ``localhost`` and a name of one
label can't be such a site's: the first two no name server gives, the third none of the
Internet's does.

So an API on loopback takes those; one that listens for others is asked under names that it
can't know, and takes every name until ``allowed_hosts`` lists them.
"""

import functools
import re
from collections.abc import Sequence

from api.problems.problems import ApiProblem
from photosearch.address import ip_of

_HOST = re.compile(r"(?:\[([^\[\]]+)\]|([a-z0-9_.-]+))(?::\d{0,5})?", re.IGNORECASE)


class AllowedHosts:
    """The rule for one API."""

    def __init__(self, allowed: Sequence[str], api_host: str) -> None:
        self._names = {one.lower() for one in allowed if not one.startswith("*")}
        self._suffixes = tuple(one[1:].lower() for one in allowed if one.startswith("*."))
        address = ip_of(api_host)
        is_local = api_host == "localhost" if address is None else address.is_loopback
        self._takes_all = "*" in allowed or not (allowed or is_local)
        self._takes_one_label = not allowed
        self.refusal = functools.lru_cache(maxsize=256)(self._refusal)

    def _refusal(self, hosts: tuple[bytes, ...], version: str) -> ApiProblem | None:
        """What is wrong with a request's Host headers; nothing if it may be answered."""
        if not hosts and version == "1.0":
            return None
        text = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
        found = _HOST.fullmatch(text)
        if found is None or (found[1] is not None and ip_of(found[1]) is None):
            return ApiProblem(
                400,
                "bad-host",
                "the request names no host, or not one host",
                found=", ".join(repr(one.decode("latin-1")) for one in hosts) or "no Host",
                remedy="send one Host header with the name or address in the URL",
            )
        host = (found[1] or found[2]).lower().rstrip(".")
        if self._takes(host):
            return None
        return ApiProblem(
            421,
            "foreign-host",
            "this service does not answer under this name",
            found=host,
            remedy="use its own name, or add this one to allowed_hosts",
        )

    def _takes(self, host: str) -> bool:
        if self._takes_all or ip_of(host) is not None:
            return True
        if host == "localhost" or host.endswith(".localhost"):
            return True
        if self._takes_one_label and "." not in host:
            return True
        return host in self._names or host.endswith(self._suffixes)
