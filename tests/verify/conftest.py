"""A small installation in which there is one of everything that the product writes down."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from io import StringIO
from pathlib import Path

import obstore
import pytest

from index_grpc.serving.desk import CrashingServing, RefusedIndex
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.cli import main
from photosearch.images.cache import ImageCache
from photosearch.images.report import PhotoReport, ReportedPhoto
from photosearch.images.reports import PhotoReports
from photosearch.object_store import open_object_store
from photosearch.repository.addresses import Address
from photosearch.repository.embedder_roles import Role, note
from photosearch.repository.erasures import Receipt, digest_of, write_receipt
from photosearch.repository.wanted_embedder import WantedEmbedder, want
from photosearch.settings.settings import SETTINGS_FILE, SETTINGS_VARIABLE, Settings
from photosearch.windows import Window
from tests.controller.made_repository import FINGERPRINT, MadeRepository, made_settings
from tests.oci.keys import make_key
from tests.stores.fixtures import gcs, new_bucket, s3

__all__ = ["gcs", "s3"]

HOUR = Window.parse("hourly/2026-11-22T03")


@dataclass
class Kept:
    """A file or an object: how to read, write and lose it behind the product's back."""

    read: Callable[[], bytes]
    write: Callable[[bytes], object]
    lose: Callable[[], object]


@dataclass
class Installation:
    """All files of it by name, or all objects if it keeps artifacts in a bucket."""

    settings: Settings
    #: The manifest of a version that no HEAD names.
    older: str

    @property
    def in_bucket(self) -> bool:
        return not self.settings.repository_url.startswith("file:")

    def files(self) -> dict[str, Kept]:
        return dict(self._in_bucket() if self.in_bucket else self._on_disk())

    def _on_disk(self) -> Iterator[tuple[str, Kept]]:
        state = self.settings.state
        for path in sorted(state.rglob("*")):
            if path.is_file() and path.stat().st_size:
                kept = Kept(path.read_bytes, partial(_write, path), path.unlink)
                yield path.relative_to(state).as_posix(), kept

    def _in_bucket(self) -> Iterator[tuple[str, Kept]]:
        store = open_object_store(self.settings.repository_url, self.settings)
        for path in [one["path"] for page in obstore.list(store) for one in page if one["size"]]:
            if path.endswith(("rows.jsonl", "vectors.npy")):
                continue  # compared with their manifest as in a folder; each look takes its time
            yield (
                f"repository/{path}",
                Kept(
                    partial(lambda path: bytes(obstore.get(store, path).bytes()), path),
                    partial(obstore.put, store, path),
                    partial(obstore.delete, store, path),
                ),
            )

    def verified(self, *words: str) -> tuple[int, str]:
        """The exit code of ``verify`` and what it said."""
        out = StringIO()
        with redirect_stdout(out), pytest.raises(SystemExit) as ended:
            main(["verify", *words])
        return int(ended.value.code or 0), out.getvalue()


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)  # never through a link, or into a read-only file
    path.write_bytes(content)


@pytest.fixture(params=["folder", "s3"])
def installation(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """One with whatever the product writes down, artifacts in a folder and in a bucket."""
    values: dict[str, object] = {}
    if request.param == "s3":
        bucket = new_bucket(request, "s3")
        values = {"models_url": f"{bucket.url}/models", **bucket.options()}
    return _install(tmp_path, monkeypatch, values)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """The same, all in folders."""
    return _install(tmp_path, monkeypatch, {})


def _install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, object]
) -> Installation:
    private, _ = make_key(folder / "keys")
    settings = made_settings(folder / "shop", **values, signing_key=str(private))
    monkeypatch.chdir(settings.base_dir)
    monkeypatch.setenv(SETTINGS_VARIABLE, str(settings.base_dir / SETTINGS_FILE))
    made = MadeRepository(settings)
    first = made.hour(HOUR.key, rows=2)
    second = made.hour(HOUR.key, rows=2, edition=1)
    made.hour("hourly/2026-11-22T04", rows=2)
    made.glue("daily/2026-11-22")
    made.repository.rollback(Address.index(FINGERPRINT, HOUR), first.version)
    note(made.repository, Role.NEXT, FINGERPRINT)
    note(made.repository, Role.PREVIOUS, FINGERPRINT)
    want(made.repository.storage, WantedEmbedder(FINGERPRINT, {"network": "own.onnx"}), None)
    erased = Receipt(listing=digest_of("gone"), begun_at=datetime.now(UTC))
    erased.finished_at = datetime.now(UTC)
    write_receipt(made.repository.storage, erased, None)
    assert reconcile_servings(settings).failed == []
    now = datetime.now(UTC).replace(microsecond=0)
    refused = RefusedIndex(window=HOUR.key, version="0" * 16, reason="why", retry_at=now)
    for by in ("builder", "deployer"):
        open_desk(settings).tell_refused(by, [refused])
    open_desk(settings).tell_crashing(
        [CrashingServing(name="s", windows=(), apart=(), reason="why", crashes=3, retry_at=now)],
    )
    cache, content = ImageCache.of(settings), b"bytes of a photo"
    cache.put("a.jpg", content)
    photo = ReportedPhoto(
        photo_id="a",
        listing_id="a",
        path="a.jpg",
        listed_at=HOUR.start,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
    )
    report = PhotoReport(window=HOUR.key, catalogue_digest="0", photos=[photo], failures=[])
    PhotoReports(made.repository).put(report, None, folder, None)
    return Installation(settings, Address.index(FINGERPRINT, HOUR).manifest_path(second.version))
