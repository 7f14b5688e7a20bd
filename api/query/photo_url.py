"""A photo from a URL that a stranger chose.

The API stands where it can reach what strangers cannot: cloud metadata, databases, itself. So
every host is resolved here, every address it has must be public, and the connection goes to
the very address that was checked, because a second look-up could answer otherwise. Redirects
are followed by hand and checked like the first URL. Time and bytes are bounded.

A look-up can't be called off, and the stranger chose the name server too. So look-ups have
threads of their own: those that hang keep other URLs waiting, and no other query. Nor does a
download take a query's place: it takes one of the downloads', as a body on its way takes none.

No connection and no cookie is kept: both would be found by the address, which another host may
share.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpx
import psutil

from api.problems.problems import ApiProblem, overloaded
from api.query.answer_of_elsewhere import Answer, UnreadableAnswerError, answer_to
from api.query.public_address import is_public

MAX_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
LOOK_UPS_AT_ONCE = 8


@dataclass(frozen=True)
class _Target:
    url: httpx.URL
    address: str
    port: int


class PhotoUrls:
    """Gets photos over http and https; one client, kept open."""

    def __init__(
        self,
        *,
        max_bytes: int,
        timeout_s: float,
        at_once: int = 16,
        allowed: bool = True,
        allow_private: bool = False,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._at_once = at_once
        self._allowed = allowed
        self._allow_private = allow_private
        self._under_way = 0
        self._own = own_addresses()
        self._look_ups = ThreadPoolExecutor(LOOK_UPS_AT_ONCE, thread_name_prefix="look-up")
        self._tls = httpx.create_ssl_context(trust_env=False)

    async def get(self, url: str, take: Callable[[int], None] = lambda size: None) -> bytes:
        """The bytes at ``url``; ``take`` is told of each part's size as it comes.

        Raises:
            ApiProblem: 422 for a URL that is refused or does not answer with bytes, 413 if
                they are too many, 429 if others download too much.
        """
        if not self._allowed:
            raise _refused(
                "photos are not taken from URLs here",
                limit="photo_urls = false",
                remedy="send the photo itself",
            )
        if self._under_way >= self._at_once:
            raise overloaded(
                "too many photos are being downloaded",
                str(self._under_way),
                f"{self._at_once} (photo_url_concurrency)",
            )
        self._under_way += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._get(url, take)
        except TimeoutError:  # an OSError too
            raise _refused(
                "the photo's URL did not answer in time",
                limit=f"{self._timeout_s:.3g} s (photo_url_timeout_s)",
            ) from None
        except UnreadableAnswerError as error:
            raise _refused("the photo's URL can't be read", found=str(error)) from error
        except OSError as error:
            raise _refused("the photo's URL can't be read", found=type(error).__name__) from error
        finally:
            self._under_way -= 1

    async def close(self) -> None:
        self._look_ups.shutdown(wait=False, cancel_futures=True)

    async def _get(self, url: str, take: Callable[[int], None]) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            target = await self._checked(url)
            tls = self._tls if target.url.scheme == "https" else None
            name = target.url.raw_host.decode("ascii")
            async with answer_to(
                _request(target.url), target.address, target.port, tls=tls, name=name
            ) as answer:
                if answer.status in REDIRECTS and "location" in answer.headers:
                    url = _redirected(target.url, answer.headers["location"])
                    continue
                return await self._read(answer, take)
        raise _refused("the photo's URL redirects too often", limit=f"{MAX_REDIRECTS} redirects")

    async def _read(self, answer: Answer, take: Callable[[int], None]) -> bytes:
        if answer.status != 200:
            raise _refused(
                "the photo's URL does not answer with a photo",
                found=f"status {answer.status}",
            )
        coding = answer.headers.get("content-encoding", "identity")
        if coding != "identity":
            raise _refused(
                "the photo's URL answers with packed bytes, though identity was asked for",
                found=repr(coding[:80]),
            )
        declared = answer.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            raise self._too_large(f"{declared} bytes")
        data = bytearray()
        async for piece in answer.pieces():
            take(len(piece))
            data += piece
            if len(data) > self._max_bytes:
                raise self._too_large(f"more than {self._max_bytes} bytes")
        return bytes(data)

    async def _checked(self, text: str) -> _Target:
        try:
            url = httpx.URL(text)
            port = url.port or {"http": 80, "https": 443}[url.scheme]
            host = url.raw_host.decode("ascii")
        except (httpx.InvalidURL, ValueError, KeyError, UnicodeError):
            raise _refused(
                "the photo's URL is not an http or https URL", found=repr(text[:80])
            ) from None
        if not 0 < port < 65_536:
            raise _refused("the photo's URL names no port", found=str(port), limit="1 to 65535")
        if not host or url.userinfo:
            raise _refused("the photo's URL needs a host and no user name", found=repr(text[:80]))
        try:
            found = await self._look_up(host, port)
        except (OSError, UnicodeError):
            raise _refused("the host of the photo's URL is not known", found=repr(host)) from None
        addresses = [str(entry[4][0]) for entry in found]
        if not self._allow_private and not all(map(self._is_open, addresses)):
            raise _refused(
                "the photo's URL leads to a private address",
                found=repr(host),
                limit="public addresses (photo_url_private)",
                remedy="send the photo itself",
            )
        return _Target(url, addresses[0], port)

    def _is_open(self, address: str) -> bool:
        return is_public(address) and address not in self._own

    async def _look_up(self, host: str, port: int) -> list[Any]:
        return await asyncio.get_running_loop().run_in_executor(
            self._look_ups, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )

    def _too_large(self, found: str) -> ApiProblem:
        return ApiProblem(
            413,
            "too-large",
            "the photo at the URL is too large",
            found=found,
            limit=f"{self._max_bytes} bytes (max_photo_bytes)",
            remedy="send a smaller photo",
        )


def own_addresses() -> frozenset[str]:
    """This machine's addresses: services that listen on a public one are not for strangers."""
    return frozenset(
        address.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in (socket.AF_INET, socket.AF_INET6)
    )


def _request(url: httpx.URL) -> bytes:
    lines = [
        b"GET %b HTTP/1.1" % url.raw_path,
        b"Host: %b" % url.netloc,
        b"Accept: image/*",
        b"Accept-Encoding: identity",
        b"User-Agent: photosearch",
        b"Connection: close",
    ]
    return b"\r\n".join([*lines, b"", b""])


def _redirected(url: httpx.URL, location: str) -> str:
    try:
        return urljoin(str(url), location)
    except ValueError:
        raise _refused(
            "the photo's URL redirects to what is no URL", found=repr(location[:80])
        ) from None


def _refused(
    what: str, *, found: str | None = None, limit: str | None = None, remedy: str | None = None
) -> ApiProblem:
    return ApiProblem(
        422,
        "bad-url",
        what,
        found=found,
        limit=limit,
        remedy=remedy or "check the URL, or send the photo itself",
    )
