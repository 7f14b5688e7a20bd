"""The GET of S3 and nothing else: one object under every name. Prints its port.

A few lines on asyncio's protocols answer some ten thousand requests a second, so that what is
measured is the client.
"""

import asyncio
import random
import sys


class _Objects(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.transport: asyncio.WriteTransport | None = None
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            _, _, self.received = self.received.partition(b"\r\n\r\n")
            assert self.transport is not None
            self.transport.write(self.answer)


async def main(size: int, seed: str) -> None:
    body = random.Random(seed).randbytes(size)
    answer = (
        b'HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nETag: "%s"\r\n'
        b"Last-Modified: Sun, 22 Nov 2026 14:00:00 GMT\r\nContent-Length: %d\r\n\r\n"
        % (seed.encode(), size)
    ) + body
    server = await asyncio.get_running_loop().create_server(
        lambda: _Objects(answer), "127.0.0.1", 0
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
