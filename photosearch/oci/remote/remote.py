"""A registry that speaks the OCI distribution protocol.

A layer is streamed while it is made: an upload is opened, the bytes go in one request of known
length, and the digest, which is known at their end, closes it. Until then there is nothing
that anyone could pull, so a builder may be killed anywhere; the registry clears what was left.
A layer that another repository of the host has is mounted and not sent.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode, urljoin

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from photosearch.files.locks import locked_by_name
from photosearch.oci.documents import (
    ACCEPTED,
    INDEX,
    MANIFEST,
    MOST_DOCUMENT_BYTES,
    ImageIndex,
    digest_of,
    images_in,
    parse_document,
    parts_of,
)
from photosearch.oci.errors import DamagedImage, ImageMissing, RegistryDown, RegistryRefused
from photosearch.oci.registry import Blob, BlobContent, ImageRegistry
from photosearch.oci.remote.client import RegistryClient

ATTEMPTS = 3
#: No timeline has as many; a registry that goes on would be listened to for ever.
MOST_TAGS = 1_000_000
MOST_PAGES = 10_000
#: An image that had all its parts is taken to have them for so long.
WHOLE_FOR_S = 300.0
_Result = TypeVar("_Result")


class RemoteRegistry:
    """See :class:`photosearch.oci.registry.ImageRegistry`; ``locks`` are files of this machine."""

    def __init__(self, client: RegistryClient, *, locks: Path) -> None:
        self.client = client
        self._locks = locks
        self._whole_until: dict[str, float] = {}

    def reference(self, digest: str) -> str:
        return f"{self.client.name}@{digest}"

    def blob_size(self, digest: str) -> int | None:
        what = f"the blobs of {self.client.name} can't be read"
        url = self.client.url(f"blobs/{digest}")
        response = self.client.send("HEAD", url, what=what, absent=True)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        told = response.headers.get("Content-Length", "")
        return int(told) if told else -1

    def put_blob(
        self,
        content: BlobContent,
        *,
        digest: str | None = None,
        mount_from: ImageRegistry | None = None,
    ) -> Blob:
        size = len(content)
        if digest is not None and self.blob_size(digest) == size:
            return Blob(digest, size, sent=False)
        return _again(lambda: self._upload(content, size, digest, mount_from))

    @contextmanager
    def open_blob(self, digest: str) -> Iterator[Iterator[bytes]]:
        what = f"the blob {digest} of {self.client.name} can't be read"
        url = self.client.url(f"blobs/{digest}")
        with self.client.stream(url, what=what) as pieces:
            if pieces is None:
                raise ImageMissing(
                    f"{self.client.name} has no blob {digest}",
                    remedy="the sensor builds the image that names it again",
                )
            yield pieces

    def document(self, reference: str) -> tuple[bytes, str] | None:
        what = f"the image {reference} of {self.client.name} can't be read"
        url = self.client.url(f"manifests/{reference}")
        accept = {"Accept": ", ".join(ACCEPTED)}
        with self.client.stream(url, what=what, headers=accept) as pieces:
            if pieces is None:
                return None
            content = b""
            for piece in pieces:
                content += piece
                if len(content) > MOST_DOCUMENT_BYTES:
                    break
        digest = digest_of(content)
        if reference.startswith("sha256:") and digest != reference:
            raise DamagedImage(
                f"the document {reference} in {self.client.name} is damaged",
                found=digest,
                remedy="delete the image; it is built again",
            )
        return content, digest

    def has_image(self, digest: str) -> bool:
        # A registry takes no manifest before it has all that the manifest names. It may lose a
        # part later; to ask for each takes a request a layer, so that is seldom done.
        what = f"the image {digest} of {self.client.name} can't be read"
        url = self.client.url(f"manifests/{digest}")
        accept = {"Accept": ", ".join(ACCEPTED)}
        response = self.client.send("HEAD", url, what=what, headers=accept, absent=True)
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        now = time.monotonic()
        if now < self._whole_until.get(digest, 0.0):
            return True
        found = self.document(digest)
        parts = () if found is None else parts_of(parse_document(found[0], digest))
        if found is None or any(self.blob_size(part.digest) is None for part in parts):
            return False
        self._whole_until[digest] = now + WHOLE_FOR_S
        return True

    def put_document(self, content: bytes, *, tag: str | None = None) -> str:
        document = parse_document(content, "the document to put")
        digest = digest_of(content)
        headers = {"Content-Type": INDEX if isinstance(document, ImageIndex) else MANIFEST}
        what = f"the image {tag or digest} can't be put into {self.client.name}"
        url = self.client.url(f"manifests/{tag or digest}")

        def put() -> str:
            # docker-registry answers 400 while another machine's builder puts the same layer:
            # it reads the note of that layer while it is written.
            self.client.send("PUT", url, what=what, body=content, headers=headers, passing=(400,))
            return digest

        return _again(put)

    def tags(self) -> list[str]:
        what = f"the tags of {self.client.name} can't be read"
        tags: list[str] = []
        pages: set[str] = set()
        url: str | None = self.client.url("tags/list?n=1000")
        while url is not None:
            pages.add(url)
            response = self.client.send("GET", url, what=what, absent=True)
            if response.status_code == httpx.codes.NOT_FOUND:  # nothing was ever put there
                break
            found = _tags_in(response)
            if found is None:
                raise self._is_none(what, "no list of tags")
            tags += found
            following = response.links.get("next", {}).get("url")
            url = None if following is None else self._address(response, following, what)
            if url in pages or len(pages) > MOST_PAGES or len(tags) > MOST_TAGS:
                raise self._is_none(what, f"{len(pages)} pages of {len(tags)} tags without an end")
        return sorted(tags)

    def delete(self, reference: str) -> None:
        found = self.document(reference)
        if found is None:
            return
        content, digest = found
        what = f"the image {reference} can't be deleted from {self.client.name}"
        # The name first: no reader finds a name whose image is gone.
        for each in (digest, *images_in(content)):
            url = self.client.url(f"manifests/{each}")
            self.client.send("DELETE", url, what=what, absent=True)

    def delete_blob(self, digest: str) -> None:
        what = f"the blob {digest} can't be deleted from {self.client.name}"
        url = self.client.url(f"blobs/{digest}")
        self.client.send("DELETE", url, what=what, absent=True)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        with locked_by_name(self._locks, name):
            yield

    def _upload(
        self,
        content: BlobContent,
        size: int,
        digest: str | None,
        mount_from: ImageRegistry | None,
    ) -> Blob:
        what = f"a layer can't be put into {self.client.name}"
        asked = "" if digest is None else self._mount(digest, mount_from)
        url = self.client.url(f"blobs/uploads/{asked}")
        response = self.client.send("POST", url, what=what)
        if digest is not None and response.status_code == httpx.codes.CREATED:  # mounted
            return Blob(digest, size, sent=False)
        session = self._next(response, what)
        hashing = _Hashing(content, size)
        octets = {"Content-Type": "application/octet-stream"}
        response = self.client.send("PATCH", session, what=what, body=hashing, headers=octets)
        session = self._next(response, what)
        if digest is not None and hashing.digest != digest:
            raise DamagedImage(f"a blob should have the digest {digest}", found=hashing.digest)
        closing = (
            f"{session}{'&' if '?' in session else '?'}{urlencode({'digest': hashing.digest})}"
        )
        self.client.send("PUT", closing, what=what)
        return Blob(hashing.digest, size, sent=True)

    def _mount(self, digest: str, source: ImageRegistry | None) -> str:
        """Asks for a blob of another repository, if that is on this host."""
        if not isinstance(source, RemoteRegistry):
            return ""
        theirs, ours = source.client, self.client
        if theirs.host != ours.host or theirs.path == ours.path:
            return ""
        return f"?{urlencode({'mount': digest, 'from': theirs.path})}"

    def _next(self, response: httpx.Response, what: str) -> str:
        if "Location" not in response.headers:
            raise self._is_none(what, f"{response.status_code} without a Location")
        return self._address(response, response.headers["Location"], what)

    def _address(self, response: httpx.Response, told: str, what: str) -> str:
        try:
            return urljoin(str(response.url), told)
        except ValueError as error:
            raise self._is_none(what, f"an address that is none ({error})") from error

    def _is_none(self, what: str, found: str) -> RegistryRefused:
        return RegistryRefused(
            what,
            found=f"{found}, so {self.client.host} is no registry",
            remedy="name a registry in registry_url",
        )


def _tags_in(response: httpx.Response) -> list[str] | None:
    """The tags of one page; None if it is none."""
    try:
        tags = response.json()["tags"] or []
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    known = isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)
    return tags if known else None


def _again(send: Callable[[], _Result]) -> _Result:
    """Try a send anew when it broke off: nothing of it is visible."""
    trying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=0.3, max=10),
        retry=retry_if_exception_type(RegistryDown),
        reraise=True,
    )
    return trying(send)


class _Hashing:
    """A body of known length, hashed while it is sent."""

    def __init__(self, content: BlobContent, size: int) -> None:
        self._content = content
        self._size = size
        self._digest = hashlib.sha256()

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        self._digest = hashlib.sha256()
        sent = 0
        for chunk in self._content:
            sent += len(chunk)
            if sent > self._size:  # copied from a registry that goes on
                raise DamagedImage("a layer is longer than it should be", limit=f"{self._size}")
            self._digest.update(chunk)
            yield chunk

    @property
    def digest(self) -> str:
        return f"sha256:{self._digest.hexdigest()}"
