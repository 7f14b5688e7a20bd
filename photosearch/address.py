"""Where a server listens, and the URL that leads there.

An address has more forms than it looks: an IPv6 literal needs brackets in a URL and none in a
socket, "every interface" can be listened on and not asked, a name may stand for several
addresses. So whoever listens, asks or prints a URL gets it from here.
"""

import errno
import ipaddress
import os
import re
import socket
from contextlib import ExitStack
from typing import Any

from photosearch.errors import PhotosearchError

BACKLOG = 2048
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class AddressError(PhotosearchError, ValueError):
    """A text that names no host, or one that can't be listened on."""


def host_of(text: str) -> str:
    """``text`` as a host: a name, an IPv4 address, or an IPv6 address without brackets.

    Raises:
        AddressError: if it is empty, or names more than a host.
    """
    host = text.strip()
    if host.startswith("[") and host.endswith("]") and ":" in host:
        host = host[1:-1]
    if ip_of(host) is None and (not host or any(one in host for one in ":/@[]%?# \t\r\n\0")):
        raise AddressError(
            "this is not the address of a host",
            found=repr(text),
            remedy="name a host or an IP address, without scheme and port",
        )
    return host


def asked_name(text: str) -> str:
    """A name as browsers send it in Host: in lower case, in ASCII, without a dot at its end; it
    may begin with ``*.`` for all below it, or be ``*`` alone.

    Raises:
        AddressError: if no request could name it.
    """
    name = text.strip().lower().rstrip(".")
    stem = name.removeprefix("*.")
    if name == "*" or ip_of(name) is not None:
        return name
    try:
        plain = stem if stem.isascii() else stem.encode("idna").decode()
    except UnicodeError:
        plain = ""
    if _NAME.fullmatch(plain) is None:
        raise AddressError(
            "no request is asked under this name",
            found=repr(text),
            remedy="write find.example.org or *.example.org, without scheme, port and path",
        )
    return name.removesuffix(stem) + plain


def proxy_of(text: str) -> str:
    """An address or a network of proxies, ``10.0.0.0/8``; ``*`` for all.

    Raises:
        AddressError: if no request could come from it.
    """
    name = text.strip()
    try:
        return name if name == "*" or ip_of(name) else str(ipaddress.ip_network(name, strict=False))
    except ValueError as error:
        raise AddressError(
            "no proxy has this address",
            found=repr(text),
            remedy="write an IP address or a network, such as 10.0.0.0/8",
        ) from error


def origin_of(text: str) -> str:
    """An origin as browsers send it, ``https://shop.example.org``; ``*`` for all.

    Raises:
        AddressError: if no page could have it.
    """
    scheme, _, rest = text.strip().lower().removesuffix("/").partition("://")
    host, colon, port = rest.rpartition(":") if re.search(r":\d+$", rest) else (rest, "", "")
    if text.strip() == "*":
        return "*"
    try:
        if scheme not in ("http", "https") or "*" in host:
            raise ValueError("no scheme")
        bare = host[1:-1] if host.startswith("[") else None
        name = asked_name(host) if bare is None else f"[{ipaddress.IPv6Address(bare)}]"
    except ValueError as error:
        raise AddressError(
            "no page has this origin",
            found=repr(text),
            remedy="write https://shop.example.org, with the scheme and without a path",
        ) from error
    is_default = (scheme, port) in (("http", "80"), ("https", "443"))
    return f"{scheme}://{name}" + ("" if is_default else colon + port)


def ip_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that ``host`` is written as; none for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def authority(host: str, port: int) -> str:
    """``host`` and ``port`` as a URL and gRPC write them: ``[::1]:8080``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reachable(host: str) -> str:
    """What to ask, on this machine, of a server that listens on ``host``."""
    address = ip_of(host)
    if address is None or not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on ``host``."""
    address = ip_of(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def base_url(host: str, port: int) -> str:
    """The URL, without a slash at its end, of a server on this machine that listens on ``host``."""
    return f"http://{authority(reachable(host), port)}"


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on every address of ``host``; with port 0 all on one free port.

    "::" takes IPv4 too, as people expect of "every interface".

    Raises:
        AddressError: naming what is in the way.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise _cannot_listen(host, port, error) from error
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    with ExitStack() as opened:
        for family, place in dict.fromkeys((one[0], one[4]) for one in found):
            same = sockets[0].getsockname()[1] if sockets else port
            try:
                one = _listening(family, (place[0], same, *place[2:]))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise _cannot_listen(host, port, error) from error
                absent = error  # "localhost" may name an IPv6 address that this machine lacks
            else:
                sockets.append(opened.enter_context(one))
        if not sockets:
            assert absent is not None
            raise _cannot_listen(host, port, absent) from absent
        opened.pop_all()
    return sockets


def _listening(family: int, place: tuple[Any, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, place[0] != "::")
        listening.bind(place)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def is_taken(error: AddressError) -> bool:
    """Whether another process is what hinders listening."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE


def _cannot_listen(host: str, port: int, error: Exception) -> AddressError:
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, socket.gaierror) or number is None:
        found, remedy = str(getattr(error, "strerror", error)), "name a host that is known here"
    else:
        found = os.strerror(number)
        remedy = {
            errno.EADDRINUSE: "end what uses the port, or take another",
            errno.EACCES: "take a port above 1023",
            errno.EADDRNOTAVAIL: "name an address of this machine, or 127.0.0.1 or 0.0.0.0",
            errno.EAFNOSUPPORT: "this machine has no IPv6: name an IPv4 address",
        }.get(number, "name another address or port")
    return AddressError(f"can't listen on {authority(host, port)}", found=found, remedy=remedy)
