"""A line between a browser and the API that carries as much as a test lets it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class SlowLine:
    """A proxy on loopback. What is sent with a POST is carried up to ``lets_through`` bytes, the
    rest of it only once the line is ``opened``; answers are always carried."""

    def __init__(self, upstream: str, lets_through: int) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname is not None
        self._upstream = (parts.hostname, parts.port or 80)
        self._lets_through = lets_through
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.opened = threading.Event()
        #: How often a search was begun, and the bytes that were sent for it.
        self.posts = 0
        self.posted_bytes = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        """Carry connections until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                server = socket.create_connection(self._upstream)
                self._open.append(server)
                for work in (self._up, self._down):
                    threading.Thread(target=work, args=(client, server), daemon=True).start()

    def end(self) -> None:
        """Take no connection any more."""
        self.opened.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        """Close what was carried; a browser may have connected until :meth:`end`."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        carried, is_search = 0, False
        with suppress(OSError):
            while data := client.recv(4096):
                if data.startswith((b"GET ", b"POST ")):
                    carried, is_search = 0, data.startswith(b"POST ")
                    self.posts += is_search
                if is_search:
                    self.posted_bytes += len(data)
                    carried += len(data)
                    if carried > self._lets_through:
                        self.opened.wait(60)
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)


@contextmanager
def slow_line(upstream: str, lets_through: int) -> Iterator[SlowLine]:
    line = SlowLine(upstream, lets_through)
    thread = threading.Thread(target=line.serve, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.end()
        thread.join()
        line.close()
