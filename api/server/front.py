"""What every request passes before any route sees it.

It gets its name (X-Request-Id), its path is put below ``root_path`` whether the proxy left
that in or took it off, and who asks under a foreign name or from a foreign page's script is
turned away. HEAD is GET without the body, here and not in each route. At the end stands the
line of the request log. One plain ASGI wrapper does it all: it costs a search some
microseconds.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems.problems import ApiProblem, problem_response, unexpected
from api.server import request_id, request_log
from api.server.hosts import AllowedHosts
from api.server.request_log import Answered

logger = logging.getLogger(__name__)

#: No browser takes an answer for a page or a script because it looks like one.
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class Front:
    """Middleware around all routes."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: AllowedHosts,
        origins: Sequence[str],
        root_path: str,
        allowed: Callable[[Scope], list[str]],
        logs: bool,
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._origins = frozenset(origins)
        self._root_path = root_path
        self._allowed = allowed
        self._logs = logs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        answer = _Answer(send, request_id.begin(headers.get(b"x-request-id")), scope["method"])
        try:
            await self._answered(scope, headers)(self._below_root(scope), receive, answer.send)
        except Exception as error:
            logger.exception("request %s: %s failed", answer.name, scope["path"])
            if answer.status:  # half sent: only the connection's end says so
                raise
            await unexpected(error)(scope, receive, answer.send)
        finally:
            if self._logs:
                ms = (time.perf_counter() - start) * 1e3
                client = (scope.get("client") or ("-",))[0]
                line = (answer.method, scope["path"], answer.status, ms, answer.size)
                request_log.write(Answered(*line, answer.name, client))

    def _answered(self, scope: Scope, headers: dict[bytes, bytes]) -> ASGIApp:
        hosts = tuple(value for name, value in scope["headers"] if name == b"host")
        refusal = self._hosts.refusal(hosts, scope["http_version"])
        if refusal is not None:
            return problem_response(refusal)
        method = scope["method"]
        if method == "POST" and self._is_foreign(headers):
            return problem_response(_foreign_page(headers.get(b"origin", b"")))
        if method == "OPTIONS" and b"access-control-request-method" not in headers:
            return self._options
        return self._app

    def _is_foreign(self, headers: dict[bytes, bytes]) -> bool:
        """Whether the browser says that a page of another origin sends this.

        The page's own origin is not compared with Host: a proxy may have written another.
        """
        if headers.get(b"sec-fetch-site", b"none") in (b"none", b"same-origin"):
            return False
        origin = headers.get(b"origin", b"").decode("latin-1")
        return "*" not in self._origins and origin not in self._origins

    def _below_root(self, scope: Scope) -> Scope:
        root, path = self._root_path, scope["path"]
        changed: dict[str, Any] = {}
        if root:
            changed["root_path"] = root
            if path != root and not path.startswith(f"{root}/"):
                changed["path"] = root + path
                changed["raw_path"] = root.encode() + scope["raw_path"]
        if scope["method"] == "HEAD":
            changed["method"] = "GET"
        return {**scope, **changed} if changed else scope

    async def _options(self, scope: Scope, receive: Receive, send: Send) -> None:
        methods = self._allowed(scope)
        if not methods:
            await self._app(scope, receive, send)  # says that there is nothing
            return
        headers = [(b"allow", ", ".join(methods).encode())]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


class _Answer:
    """One answer on its way."""

    def __init__(self, send: Send, name: str, method: str) -> None:
        self._send = send
        self.name = name
        self.method = method
        self.status = 0
        self.size = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            named = (b"x-request-id", self.name.encode())
            headers = [each for each in message.get("headers", ()) if each[0] != _NOSNIFF[0]]
            message = {**message, "headers": [*headers, named, _NOSNIFF]}
        elif message["type"] == "http.response.body":
            if self.method == "HEAD":
                message = {**message, "body": b""}
            self.size += len(message.get("body", b""))
        await self._send(message)


def _foreign_page(origin: bytes) -> ApiProblem:
    return ApiProblem(
        403,
        "foreign-origin",
        "a page of another origin may not search here",
        found=origin.decode("latin-1") or "no Origin",
        remedy="add its origin to allowed_origins",
    )
