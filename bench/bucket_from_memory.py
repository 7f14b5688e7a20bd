"""A bucket of S3 in memory, as far as the model repository uses one. Prints its port.

Of each request it may wait before the answer, as a network does, and it counts them by method:
``GET /-/counts`` tells and forgets. A double in a process of its own, because what is measured
is the client.
"""

import asyncio
import bisect
import hashlib
import json
import re
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

from photosearch.repository.storage.bucket import placed

_PAGE = 1000
_TIME = "2026-11-22T14:00:00.000Z"
_HTTP_TIME = "Sun, 22 Nov 2026 14:00:00 GMT"


class _Bucket:
    def __init__(self, name: str) -> None:
        self.prefix = f"/{name}"
        self.objects: dict[str, bytes] = {}
        self.names: list[str] = []
        self.counts: Counter[str] = Counter()
        self.wait_s = 0.0

    def put(self, name: str, content: bytes) -> None:
        if name not in self.objects:
            bisect.insort(self.names, name)
        self.objects[name] = content

    def delete(self, name: str) -> None:
        if self.objects.pop(name, None) is not None:
            self.names.remove(name)

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        url = urlsplit(target)
        query = {name: some[0] for name, some in parse_qs(url.query).items()}
        name = unquote(url.path).removeprefix(self.prefix).strip("/")
        if url.path == "/-/counts":
            told, self.counts = json.dumps(self.counts).encode(), Counter()
            return _answer(200, told)
        if url.path == "/-/wait":
            self.wait_s = float(query["s"])
            return _answer(200, b"")
        self.counts["LIST" if "list-type" in query else method] += 1
        if "list-type" in query:
            return _answer(200, self._listed(query))
        found = self.objects.get(name)
        if method == "PUT":
            return self._put(name, found, headers, body)
        if method == "POST":  # several to delete
            for key in re.findall(r"<Key>(.*?)</Key>", body.decode()):
                self.delete(unescape(key))
            return _answer(200, b"<DeleteResult></DeleteResult>")
        if found is None:
            return _answer(404, b"")
        return _answer(200, found, _tag(found), is_head=method == "HEAD")

    def _put(self, name: str, found: bytes | None, headers: dict[str, str], body: bytes) -> bytes:
        if headers.get("if-none-match") == "*" and found is not None:
            return _answer(412, b"")
        wanted = headers.get("if-match")
        if wanted is not None and (found is None or wanted != _tag(found)):
            return _answer(412, b"")
        self.put(name, body)
        return _answer(200, b"", _tag(body))

    def _listed(self, query: dict[str, str]) -> bytes:
        prefix = query.get("prefix", "")
        after = query.get("continuation-token") or query.get("start-after") or ""
        first = bisect.bisect_right(self.names, after) if after else 0
        first = max(first, bisect.bisect_left(self.names, prefix))
        page: list[str] = []
        folders: list[str] = []
        last = ""
        for name in self.names[first:]:
            if not name.startswith(prefix) or len(page) + len(folders) == _PAGE:
                break
            last = name
            child, separator, _ = name[len(prefix) :].partition("/")
            if query.get("delimiter") and separator:
                if f"{prefix}{child}/" not in folders:
                    folders.append(f"{prefix}{child}/")
                continue
            page.append(name)
        following = bisect.bisect_right(self.names, last)
        is_cut = bool(last) and following < len(self.names)
        is_cut = is_cut and self.names[following].startswith(prefix)
        items = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>{_TIME}</LastModified>"
            f"<ETag>{escape(_tag(self.objects[name]))}</ETag>"
            f"<Size>{len(self.objects[name])}</Size></Contents>"
            for name in page
        )
        items += "".join(
            f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in folders
        )
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if is_cut else ""
        return (
            f"<ListBucketResult><IsTruncated>{str(is_cut).lower()}</IsTruncated>{token}{items}"
            "</ListBucketResult>"
        ).encode()


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def _answer(status: int, body: bytes, tag: str = "", *, is_head: bool = False) -> bytes:
    etag = f"ETag: {tag}\r\n" if tag else ""
    head = (
        f"HTTP/1.1 {status} -\r\nContent-Type: application/xml\r\n{etag}"
        f"Last-Modified: {_HTTP_TIME}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + (b"" if is_head else body)


class _Connection(asyncio.Protocol):
    """One request after another, as our client sends them."""

    def __init__(self, bucket: _Bucket) -> None:
        self._bucket = bucket
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        size = int(headers.get("content-length", 0))
        if len(rest) < size:
            return
        self._received = rest[size:]
        method, target, _ = first.split(" ")
        answer = self._bucket.answer(method, target, headers, rest[:size])
        assert self._transport is not None
        asyncio.get_running_loop().call_later(self._bucket.wait_s, self._transport.write, answer)


async def main(name: str, folder: str) -> None:
    """Serve the bucket ``name``; what lies in a repository's folder lies in it as well."""
    bucket = _Bucket(name)
    for file in sorted(Path(folder).rglob("*")):
        if file.is_file():
            path = file.relative_to(folder).as_posix()
            bucket.objects[quote(placed(path), safe="/")] = file.read_bytes()
    bucket.names = sorted(bucket.objects)
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(bucket), "127.0.0.1", 0
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
