"""What stands before Dagit: it has no sign-in, and trusts whoever reaches its port.

A browser reaches it for every page that its operator opens, by an image, a form, a fetch, a
WebSocket, or a name of the page's own that suddenly leads to this machine. So what is asked
under a foreign name (``Host``) or from a page of elsewhere (``Origin``, ``Sec-Fetch-Site``,
``Referer``) is refused, and so is a change that does not come with the one content type that a
browser sends nowhere else without asking first. Programs send none of these headers and go on
as before: who may reach the port at all is decided by the address that Dagit listens on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photosearch.address import ip_of, is_loopback

#: What is asked by these changes nothing, as long as GraphQL is not.
_READING = ("GET", "HEAD", "OPTIONS")
_GRAPHQL = "/graphql"
_JSON = "application/json"
_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


@dataclass(frozen=True)
class Refused:
    """Why something is refused, and what its sender can do."""

    status: int
    why: str
    remedy: str


_FOREIGN = Refused(
    403, "a page of elsewhere may not use Dagit", "open Dagit's own pages, or ask it by a program"
)


class DagitGuard:
    """ASGI middleware before Dagit.

    ``host`` is where Dagit listens, ``allowed_hosts`` are further names that it is known by.
    """

    def __init__(self, app: ASGIApp, *, host: str, allowed_hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._allowed = {one.lower() for one in allowed_hosts}
        self._names = {"localhost", host.lower(), *self._allowed}
        # Where it listens for others, it can't know by which of its addresses they ask. That is
        # no way in: a page's own name that leads here is a name and never an address.
        self._by_any_address = not is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is not refused."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        refused = self.refusal(scope)
        if refused is None:
            return await self._app(scope, receive, _in_no_frame(send))
        if scope["type"] == "websocket":
            await receive()  # that it would like to connect
            return await send({"type": "websocket.close", "code": 1008, "reason": refused.why})
        answer = PlainTextResponse(f"{refused.why}; {refused.remedy}\n", refused.status)
        return await answer(scope, receive, send)

    def refusal(self, scope: Scope) -> Refused | None:
        """Why it is refused, if it is."""
        headers = Headers(raw=scope["headers"])
        refused = self._by_host(headers) or self._by_origin(scope, headers)
        if refused is None and scope["type"] == "http":
            refused = _by_method(scope, headers)
        return refused

    def _by_host(self, headers: Headers) -> Refused | None:
        hosts = headers.getlist("host")
        asked = _place(f"//{hosts[0]}") if len(hosts) == 1 else None
        if asked is not None and self._is_ours(asked[0]):
            return None
        return Refused(
            421,
            f"Dagit is not known by the name {', '.join(hosts)!r}",
            "open it at http://localhost, or add the name to dagster_allowed_hosts",
        )

    def _is_ours(self, name: str) -> bool:
        address = ip_of(name)
        if address is not None and (self._by_any_address or address.is_loopback):
            return True
        return name in self._names

    def _by_origin(self, scope: Scope, headers: Headers) -> Refused | None:
        """Refuse a page of elsewhere, but for links to Dagit's pages that a person follows."""
        if _is_navigation(scope, headers):
            return None
        # A referer is all that browsers from before Origin send.
        origins = headers.getlist("origin") or headers.getlist("referer")
        asked = _place(f"{scope['scheme']}://{headers['host']}")
        if not all(self._is_own(_place(origin), asked) for origin in origins):
            return _FOREIGN
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _FOREIGN
        return None

    def _is_own(
        self, page: tuple[str, int | None] | None, asked: tuple[str, int | None] | None
    ) -> bool:
        if page is None:
            return False
        # A proxy may ask in its own name, for pages under the name that was allowed.
        return page == asked or (page[1] is None and page[0] in self._allowed)


def _place(url: str) -> tuple[str, int | None] | None:
    """Name and port of a URL, no port where it is the usual one; none of ``null`` and its like."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or "@" in parts.netloc or any(character.isspace() for character in name):
        return None
    return name, None if port == _DEFAULT_PORTS.get(parts.scheme, 80) else port


def _is_navigation(scope: Scope, headers: Headers) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and "origin" not in headers
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
        and headers.get("sec-fetch-dest", "document") == "document"
    )


def _by_method(scope: Scope, headers: Headers) -> Refused | None:
    """Let nothing be changed but by what no page can send without being asked first."""
    content_type = headers.get("content-type")
    kind = None if content_type is None else content_type.partition(";")[0].strip().lower()
    if scope["path"].rstrip("/").lower() == _GRAPHQL:
        if scope["method"] != "POST":
            return Refused(405, "GraphQL is asked by POST", f"send {_JSON}")
        if kind != _JSON:  # Dagster would look for a query in the URL
            return Refused(415, f"GraphQL is asked in {_JSON}", f"send {_JSON}")
    elif scope["method"] not in _READING and kind not in (None, _JSON):
        return Refused(415, f"Dagit is told in {_JSON}", f"send {_JSON}")
    return None


def _in_no_frame(send: Send) -> Send:
    """Let no page of elsewhere show Dagit in a frame, where clicks could be led to it."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.append("x-frame-options", "SAMEORIGIN")
            headers.append("content-security-policy", "frame-ancestors 'self'")
        await send(message)

    return sending
