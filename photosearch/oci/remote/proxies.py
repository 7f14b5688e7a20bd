"""Which proxy the environment wants for an address: http_proxy, https_proxy, all_proxy, no_proxy.

As most programs read them, so with names of hosts and their domains, addresses and networks in
no_proxy, each perhaps with a port. httpx reads no networks, and only for transports of its own.
"""

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.request import getproxies

import httpx

_PORTS = {"http": 80, "https": 443}


def proxy_for(url: httpx.URL) -> str | None:
    """The proxy's address; None if there is none on the way."""
    wanted = getproxies()
    proxy = wanted.get(url.scheme) or wanted.get("all")
    if not proxy or any(_is_meant(entry, url) for entry in _entries(wanted.get("no", ""))):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _entries(no_proxy: str) -> Iterator[str]:
    return (entry.strip().lower() for entry in no_proxy.split(",") if entry.strip())


def _is_meant(entry: str, url: httpx.URL) -> bool:
    host = url.host.lower()
    if entry == "*":
        return True
    with suppress(ValueError):
        address = ip_address(host)
        return address in ip_network(entry.strip("[]"), strict=False)
    name, colon, port = entry.rpartition(":")
    if colon and port.isdecimal():
        if int(port) != (url.port or _PORTS.get(url.scheme)):
            return False
        entry = name
    domain = entry.removeprefix("*").removeprefix(".")
    return host in (domain, entry.strip("[]")) or host.endswith(f".{domain}")
