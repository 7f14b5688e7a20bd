"""A server of bearer tokens as registries use them: short-lived, one right at a time."""

import base64
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


class TokenServer:
    """Gives user ``shop`` the right that a registry asks for, for some seconds."""

    def __init__(self, certificate: Path, key: Path, lifetime_s: int) -> None:
        self.scopes: list[str] = []
        self._certificate = certificate
        self._key = key
        self._lifetime_s = lifetime_s
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = parse_qs(urlsplit(self.path).query)
                allowed = base64.b64encode(b"shop:let me in").decode()
                if self.headers.get("Authorization") != f"Basic {allowed}":
                    self.send_response(401)
                    self.end_headers()
                    return
                body = json.dumps({"token": owner.token(asked.get("scope", []))}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def auth(self) -> dict[str, Any]:
        """What the registry's configuration says of this server."""
        port = self.server.server_address[1]
        return {
            "token": {
                "realm": f"http://127.0.0.1:{port}/token",
                "service": "shop-registry",
                "issuer": "shop-tokens",
                "rootcertbundle": str(self._certificate),
            }
        }

    def token(self, scopes: Sequence[str]) -> str:
        """A signed token with the rights of ``scopes``."""
        self.scopes += scopes
        access = [
            {"type": kind, "name": name, "actions": actions.split(",")}
            for kind, name, actions in (scope.split(":") for scope in scopes)
        ]
        der = ssl.PEM_cert_to_DER_cert(self._certificate.read_text())
        now = int(time.time())
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {"iss": "shop-tokens", "sub": "shop", "aud": "shop-registry", "jti": f"{now}"}
        claims |= {"nbf": now - 120, "iat": now, "exp": now + self._lifetime_s}  # type: ignore[dict-item]
        text = f"{_text(header)}.{_text({**claims, 'access': access})}"
        signed = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(self._key)],
            input=text.encode(),
            capture_output=True,
            check=True,
        ).stdout
        return f"{text}.{base64.urlsafe_b64encode(signed).decode().rstrip('=')}"


@contextmanager
def running_token_server(
    certificate: tuple[Path, Path], lifetime_s: int = 300
) -> Iterator[TokenServer]:
    """A token server that ends with the block."""
    tokens = TokenServer(*certificate, lifetime_s)
    thread = threading.Thread(target=tokens.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield tokens
    finally:
        tokens.server.shutdown()
        tokens.server.server_close()
        thread.join()


def _text(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")
