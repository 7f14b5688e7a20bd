"""GCS's XML calls, told to a server that knows the JSON ones.

obstore writes to GCS by the XML API, fake-gcs-server answers the JSON API alone. Both mean the
same: a header ``x-goog-if-generation-match`` is the parameter ``ifGenerationMatch``. Every
condition is judged by fake-gcs-server; here names change and nothing else.
"""

import json
import threading
from urllib.parse import parse_qs, quote, unquote, urlsplit
from uuid import uuid4
from xml.sax.saxutils import escape

from tests.stores.front import Answer, Ask, Request

_BOUNDARY = "part-of-this-upload-8f14e45fceea167a"
_B = _BOUNDARY.encode()
_JSON = ("/storage/", "/upload/", "/download/", "/batch/", "/_internal/")


class XmlApi:
    """Holds the parts of uploads that are not complete yet."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[int, bytes]] = {}
        self._lock = threading.Lock()

    def __call__(self, request: Request, ask: Ask) -> Answer:
        parts = urlsplit(request.path)
        query = {
            name: values[0]
            for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }
        bucket, _, name = unquote(parts.path).lstrip("/").partition("/")
        if request.path.startswith(_JSON) or not bucket:
            return ask(request)
        if not name:
            return _list(bucket, query, ask)
        if request.method == "POST":
            return self._multipart(request, bucket, name, query, ask)
        if request.method == "PUT" and "uploadId" in query:
            with self._lock:
                self._parts[query["uploadId"]][int(query["partNumber"])] = request.body
            return Answer(200, {"ETag": f'"{query["partNumber"]}"'})
        if request.method == "PUT":
            return _put(request, bucket, name, request.body, ask)
        if request.method == "DELETE":
            path = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
            answer = ask(Request("DELETE", path))
            return Answer(204 if answer.status == 200 else answer.status, {}, b"")
        return ask(request)

    def _multipart(
        self, request: Request, bucket: str, name: str, query: dict[str, str], ask: Ask
    ) -> Answer:
        if "uploads" in query:
            upload = uuid4().hex
            with self._lock:
                self._parts[upload] = {}
            return _xml("InitiateMultipartUploadResult", f"<UploadId>{upload}</UploadId>")
        with self._lock:
            parts = self._parts.pop(query["uploadId"])
        body = b"".join(content for _, content in sorted(parts.items()))
        put = _put(request, bucket, name, body, ask)
        tag = escape(put.headers.get("ETag", ""))
        done = _xml("CompleteMultipartUploadResult", f"<ETag>{tag}</ETag>")
        return Answer(put.status, {**put.headers, **done.headers}, done.body)


def _put(request: Request, bucket: str, name: str, body: bytes, ask: Ask) -> Answer:
    # Of its ways to upload, fake-gcs-server heeds conditions in this one alone.
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart&name={quote(name, safe='')}"
    lower = {key.lower(): value for key, value in request.headers.items()}
    generation = lower.get("x-goog-if-generation-match")
    if generation is not None:
        path += f"&ifGenerationMatch={generation}"
    headers = {"Content-Type": f"multipart/related; boundary={_BOUNDARY}"}
    answer = ask(Request("POST", path, headers, _related(name, body)))
    if answer.status != 200:
        return Answer(answer.status, {}, answer.body)
    made = json.loads(answer.body)
    return Answer(200, {"ETag": made["etag"], "x-goog-generation": made["generation"]})


def _related(name: str, body: bytes) -> bytes:
    described = json.dumps({"name": name}).encode()
    return (
        b"--%(b)s\r\nContent-Type: application/json\r\n\r\n%(d)s\r\n"
        b"--%(b)s\r\nContent-Type: application/octet-stream\r\n\r\n"
        % {b"b": _B, b"d": described}
        + body
        + b"\r\n--%s--\r\n" % _B
    )


def _list(bucket: str, query: dict[str, str], ask: Ask) -> Answer:
    asked = "".join(
        f"&{name}={quote(query[name], safe='')}"
        for name in ("prefix", "delimiter")
        if name in query
    )
    answer = ask(Request("GET", f"/storage/v1/b/{bucket}/o?maxResults=100000{asked}"))
    if answer.status != 200:
        return Answer(answer.status, {}, answer.body)
    found = json.loads(answer.body)
    inside = "".join(
        f"<Contents><Key>{escape(item['name'])}</Key><LastModified>{item['updated']}</LastModified>"
        f"<Size>{item['size']}</Size><ETag>{escape(item['etag'])}</ETag></Contents>"
        for item in found.get("items", [])
    )
    inside += "".join(
        f"<CommonPrefixes><Prefix>{escape(prefix)}</Prefix></CommonPrefixes>"
        for prefix in found.get("prefixes", [])
    )
    return _xml("ListBucketResult", f"{inside}<IsTruncated>false</IsTruncated>")


def _xml(name: str, inside: str) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?><{name}>{inside}</{name}>'.encode()
    return Answer(200, {"Content-Type": "application/xml"}, body)
