"""What publishing makes, and that the same work is one version."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import JsonValue

from photosearch.photo_notes import PhotoFailure
from photosearch.repository.addresses import Address, Kind
from photosearch.repository.errors import (
    ArtifactMissing,
    DamagedArtifact,
    NewerFormat,
    RepositoryError,
)
from photosearch.repository.manifest import Input, Manifest, parse_manifest, recipe_digest
from photosearch.repository.repository import Repository
from photosearch.version import CODE_VERSION
from photosearch.windows import Window
from tests.repository.artifacts import FINGERPRINT, HOUR, Shelf


def test_a_published_artifact_reads_back_whole(shelf: Shelf) -> None:
    made = shelf.publish(
        b"vectors",
        inputs=[Input(kind="catalogue", window=HOUR.window, version="c", digest="d")],
        quantiser="q1",
        recall=0.95,
        failures=[PhotoFailure(photo_id="a.jpg", reason="0 bytes")],
        details={"seconds": 1.5},
        run_id="run-1",
    )

    read = shelf.reopened().manifest(HOUR, made.version)
    assert read == made
    assert (read.kind, read.window, read.fingerprint) == (
        "index",
        HOUR.window,
        FINGERPRINT,
    )
    assert read.code_version == CODE_VERSION
    assert read.size_bytes == 7
    folder = shelf.repository.local_files(HOUR, made.version)
    assert (folder / "vectors.npy").read_bytes() == b"vectors"
    assert (folder / "rows.jsonl").read_bytes() == b""


def test_artifacts_lie_where_the_design_draws_them(shelf: Shelf) -> None:
    window = Window.parse("daily/2026-11-22")
    shelf.made_current(b"e", Address.embedders(), version=FINGERPRINT)
    quantiser = shelf.made_current(b"q", Address.quantisers(FINGERPRINT))
    vectors = shelf.made_current(b"v", Address.embeddings(FINGERPRINT, window))

    assert shelf.names() == {
        f"{folder}/{name}"
        for folder, version in (
            ("embedders", FINGERPRINT),
            (f"quantisers/{FINGERPRINT}", quantiser.version),
            (f"windows/{FINGERPRINT}/daily/2026-11-22/embeddings", vectors.version),
        )
        for name in (
            "HEAD",
            f"{version}/vectors.npy",
            f"{version}/rows.jsonl",
            f"{version}/manifest.json",
        )
    }


def test_an_embedders_version_is_its_fingerprint(shelf: Shelf) -> None:
    made = shelf.publish(b"network", Address.embedders(), version=FINGERPRINT)

    assert made.version == made.fingerprint == FINGERPRINT


def test_the_same_content_is_the_same_version_and_is_left_alone(shelf: Shelf) -> None:
    first = shelf.publish(b"vectors", run_id="run-1")
    before = (shelf.version_folder(first) / "vectors.npy").stat().st_ino

    again = shelf.publish(b"vectors", run_id="run-2")

    assert again == first
    assert again.run_id == "run-1"
    assert (shelf.version_folder(first) / "vectors.npy").stat().st_ino == before
    assert len(shelf.repository.versions(HOUR)) == 1


def test_what_decides_the_content_decides_the_version(shelf: Shelf) -> None:
    other_input = [Input(kind="catalogue", window=None, version="2", digest="2")]

    versions = {
        shelf.publish(b"vectors").version,
        shelf.publish(b"others").version,
        shelf.publish(b"vectors", recipe={"step": "u"}).version,
        shelf.publish(b"vectors", inputs=other_input).version,
        shelf.publish(b"vectors", Address.quantisers(FINGERPRINT)).version,
        shelf.publish(b"vectors", Address.index("f2", Window.parse("daily/2026-11-22"))).version,
    }

    assert len(versions) == 6
    assert all(len(version) == 16 for version in versions)


def test_who_made_it_and_when_does_not_change_its_digest(shelf: Shelf) -> None:
    made = shelf.publish(b"vectors", run_id="run-1", details={"seconds": 1})

    other = made.model_copy(
        update={"run_id": "run-2", "created_at": datetime(2030, 1, 1, tzinfo=UTC), "details": {}}
    )

    assert Manifest(**other.model_dump()).digest == made.digest


def test_the_recipes_digest_is_known_before_the_work(shelf: Shelf) -> None:
    inputs = [Input(kind="photos", window="daily/2026-11-22", version="p", digest="d")]
    recipe: dict[str, JsonValue] = {"precision": "int8", "dimension": 256}

    before = recipe_digest(inputs, dict(reversed(recipe.items())))

    assert shelf.publish(b"vectors", inputs=inputs, recipe=recipe).recipe_digest == before
    assert recipe_digest(inputs, recipe | {"dimension": 128}) != before


def test_publishing_does_not_make_a_version_current(shelf: Shelf) -> None:
    shelf.publish(b"vectors")

    assert shelf.repository.head(HOUR) is None
    assert shelf.repository.current(HOUR) is None


def test_versions_are_listed_newest_first(shelf: Shelf) -> None:
    made = [shelf.publish(content) for content in (b"1", b"2", b"3")]

    assert shelf.reopened().versions(HOUR) == made[::-1]


def test_files_are_on_the_disk_before_the_manifest_has_its_name(
    folder_shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, link = os.fsync, os.link

    def watched_fsync(descriptor: int) -> None:
        steps.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)
        fsync(descriptor)

    def watched_link(source: str, target: str) -> None:
        steps.append("link")
        link(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "link", watched_link)

    made = folder_shelf.publish(b"vectors")

    manifest = next(step for step in steps if step.startswith("manifest.json"))
    synced = steps[: steps.index("link")]
    assert {"vectors.npy", "rows.jsonl", made.version, manifest} <= set(synced)


def test_a_file_that_is_not_there_is_named_and_nothing_is_published(shelf: Shelf) -> None:
    files = {"vectors.npy": shelf.work / "nothing.npy"}

    with pytest.raises(RepositoryError, match=r"nothing\.npy"):
        shelf.repository.publish(HOUR, files, rows=0, dimension=2, inputs=[], recipe={})

    assert shelf.names() == set()


@pytest.mark.parametrize("name", ["HEAD", "manifest.json", "../x", "a/b", "", ".hidden", "x#1"])
def test_a_name_that_would_leave_its_folder_or_take_anothers_is_refused(
    shelf: Shelf, name: str
) -> None:
    (file, *_) = shelf.files(b"x").values()

    with pytest.raises(RepositoryError, match="letters, digits"):
        shelf.repository.publish(HOUR, {name: file}, rows=0, dimension=2, inputs=[], recipe={})
    with pytest.raises(RepositoryError, match="letters, digits"):
        shelf.publish(b"x", Address.embedders(), version=name)


def test_an_address_that_its_kind_does_not_have_is_refused() -> None:
    window = Window.parse("daily/2026-11-22")

    for kind, fingerprint, of in [
        (Kind.EMBEDDER, FINGERPRINT, None),
        (Kind.QUANTISER, FINGERPRINT, window),
        (Kind.INDEX, FINGERPRINT, None),
        (Kind.EMBEDDINGS, None, window),
    ]:
        with pytest.raises(RepositoryError, match="no such address"):
            Address(kind, fingerprint, of)


def test_a_version_that_is_not_there_is_named(shelf: Shelf) -> None:
    with pytest.raises(ArtifactMissing, match=f"no version abc of {HOUR.path}"):
        shelf.repository.manifest(HOUR, "abc")
    with pytest.raises(ArtifactMissing):
        shelf.repository.local_files(HOUR, "abc")


@pytest.mark.parametrize("change", [{}, {"rows": {"live": 1}}], ids=["readable", "unreadable"])
def test_a_manifest_of_a_later_release_is_refused_and_never_replaced(
    shelf: Shelf, change: dict[str, object]
) -> None:
    made = shelf.publish(b"vectors")
    path = shelf.version_folder(made) / "manifest.json"
    document = json.loads(path.read_text()) | {"format": 2} | change
    path.write_text(json.dumps(document))

    with pytest.raises(NewerFormat) as refusal:
        shelf.reopened().manifest(HOUR, made.version)
    with pytest.raises(NewerFormat):
        shelf.publish(b"vectors")
    with pytest.raises(NewerFormat):
        list(shelf.repository.verify())

    assert refusal.value.found == "manifest format 2"
    assert refusal.value.limit == "1"
    assert "upgrade" in (refusal.value.remedy or "")
    assert json.loads(path.read_text()) == document


def test_a_field_that_a_later_release_added_does_no_harm(shelf: Shelf) -> None:
    made = shelf.publish(b"vectors")
    document = json.loads(made.to_bytes()) | {"colour": "blue"}

    assert parse_manifest(json.dumps(document).encode(), "m") == made


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"[]", b'{"format": 1}', b'{"format": "x"}'])
def test_a_manifest_that_is_none_is_a_clear_error_until_it_is_published_again(
    shelf: Shelf, content: bytes
) -> None:
    made = shelf.made_current(b"vectors")
    path = shelf.version_folder(made) / "manifest.json"
    path.write_bytes(content)

    with pytest.raises(DamagedArtifact, match=r"manifest\.json is not a manifest") as damage:
        shelf.reopened().current(HOUR)
    assert HOUR.path in damage.value.what
    assert damage.value.found
    assert damage.value.remedy

    shelf.publish(b"vectors")
    assert list(shelf.reopened().verify()) == []


@pytest.mark.parametrize("url", ["gs://bucket/x", "s3://bucket", "/just/a/path", "file://host/x"])
def test_a_place_that_is_no_folder_is_refused(url: str) -> None:
    with pytest.raises(RepositoryError, match="file://"):
        Repository.open(url)


def test_a_folder_with_spaces_and_umlauts_is_fine(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "my größe #1", tmp_path / "work")

    made = shelf.made_current(b"vectors")

    assert shelf.reopened().current(HOUR) == made
    assert shelf.folder.is_dir()
