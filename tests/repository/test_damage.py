"""Readers refuse what is not what its manifest says, and name it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from photosearch.repository.addresses import Address
from photosearch.repository.errors import DamagedArtifact
from photosearch.repository.integrity import file_entry
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch.windows import Window
from tests.repository.artifacts import FINGERPRINT, HOUR, Shelf, as_input


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0b100
    file.write_bytes(content)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def lengthen(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\0")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "sha256 ": flip_a_bit,
    "1999 bytes": truncate,
    "2001 bytes": lengthen,
    "no file": lambda file: file.unlink(),
}


@pytest.mark.parametrize("found", DAMAGES)
def test_a_damaged_file_is_refused_with_what_was_expected_and_found(
    shelf: Shelf, found: str
) -> None:
    made = shelf.made_current(b"x" * 2000)
    shelf.repository.local_files(HOUR, made.version)
    DAMAGES[found](shelf.version_folder(made) / "vectors.npy")

    with pytest.raises(DamagedArtifact) as damage:
        shelf.repository.local_files(HOUR, made.version)

    entry = made.files["vectors.npy"]
    assert f"{HOUR.folder(made.version)}/vectors.npy" in damage.value.what
    assert str(entry.size) in damage.value.what
    assert entry.sha256 in damage.value.what
    assert (damage.value.found or "").startswith(found)
    assert entry.sha256 not in (damage.value.found or "")
    assert damage.value.remedy
    assert [str(each) for each in shelf.repository.verify()] == [str(damage.value)]


def test_a_reader_in_a_hurry_may_skip_the_check(shelf: Shelf) -> None:
    made = shelf.made_current(b"x" * 2000)
    flip_a_bit(shelf.version_folder(made) / "vectors.npy")

    folder = shelf.repository.local_files(HOUR, made.version, verify=False)

    assert (folder / "vectors.npy").read_bytes() != b"x" * 2000


@pytest.mark.parametrize("damage", DAMAGES.values())
def test_publishing_again_repairs_a_damaged_version(
    shelf: Shelf, damage: Callable[[Path], None]
) -> None:
    made = shelf.made_current(b"x" * 2000)
    damage(shelf.version_folder(made) / "vectors.npy")

    again = shelf.publish(b"x" * 2000)

    assert again.version == made.version
    assert list(shelf.reopened().verify()) == []
    assert shelf.reopened().current(HOUR) == again


def test_verify_names_every_damaged_file_and_no_other(shelf: Shelf) -> None:
    whole = shelf.made_current(b"whole")
    damaged = shelf.made_current(b"damaged")
    flip_a_bit(shelf.version_folder(damaged) / "vectors.npy")
    (shelf.version_folder(damaged) / "rows.jsonl").unlink()

    found = [damage.what for damage in shelf.repository.verify()]

    assert len(found) == 2
    assert all(damaged.version in what for what in found)
    assert not any(whole.version in what for what in found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "embeddings"),
        ("window", "hourly/2026-11-22T15"),
        ("fingerprint", "f2"),
        ("version", "0123456789abcdef"),
        ("inputs", []),
        ("recipe", {"step": "u"}),
        ("recipe_digest", "0" * 64),
    ],
)
def test_another_word_in_a_manifest_that_can_be_read_is_found_and_believed_by_nobody(
    folder_shelf: Shelf, name: str, value: object
) -> None:
    source = folder_shelf.made_current(b"network", Address.embedders(), version=FINGERPRINT)
    made = folder_shelf.made_current(b"vectors", inputs=[as_input(source)])
    path = folder_shelf.version_folder(made) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))

    (damage,) = folder_shelf.reopened().verify()

    assert f"{made.version}/manifest.json is not as it was written" in damage.what
    for read in (Repository.manifest, Repository.local_files):
        with pytest.raises(DamagedArtifact, match="is not as it was written"):
            read(folder_shelf.reopened(), HOUR, made.version)


def swap_content(shelf: Shelf, made: Manifest) -> None:
    """Other files under a version's name, with their own digests in its manifest."""
    folder = shelf.version_folder(made)
    (folder / "vectors.npy").write_bytes(b"of somebody else")
    path = folder / "manifest.json"
    told = json.loads(path.read_text())
    told["files"]["vectors.npy"] = file_entry(folder / "vectors.npy").model_dump()
    path.write_text(json.dumps(told))


def take_another_versions_folder(shelf: Shelf, made: Manifest) -> None:
    other = shelf.publish(b"of somebody else")
    shutil.rmtree(shelf.version_folder(made))
    shelf.version_folder(other).rename(shelf.version_folder(made))


def take_another_windows_folder(shelf: Shelf, made: Manifest) -> None:
    address = Address.index(FINGERPRINT, Window.parse("hourly/2026-11-22T15"))
    other = shelf.publish(b"of somebody else", address)
    shutil.rmtree(shelf.version_folder(made))
    shelf.version_folder(other, address).rename(shelf.version_folder(made))


def test_a_file_that_no_manifest_names_is_not_read_with_the_others(folder_shelf: Shelf) -> None:
    made = folder_shelf.made_current(b"ours")
    folder = folder_shelf.version_folder(made)
    for name in (".DS_Store", "Thumbs.db", "manifest.json#12-34"):  # of systems, and our own
        (folder / name).write_bytes(b"x")
    assert list(folder_shelf.reopened().verify()) == []

    (folder / "codes.npy").write_bytes(b"x")

    with pytest.raises(DamagedArtifact, match=r"codes\.npy belongs to no version") as refused:
        folder_shelf.reopened().local_files(HOUR, made.version)
    assert [str(each) for each in folder_shelf.reopened().verify()] == [str(refused.value)]
    folder_shelf.repository.discard(HOUR, made.version)
    assert not folder.exists()


@pytest.mark.parametrize(
    "poison", [swap_content, take_another_versions_folder, take_another_windows_folder]
)
def test_content_that_does_not_make_its_version_is_read_by_nobody_and_published_over(
    folder_shelf: Shelf, poison: Callable[[Shelf, Manifest], None]
) -> None:
    made = folder_shelf.made_current(b"ours")
    poison(folder_shelf, made)

    (damage,) = folder_shelf.reopened().verify()
    for read in (Repository.manifest, Repository.local_files):
        with pytest.raises(DamagedArtifact) as refused:
            read(folder_shelf.reopened(), HOUR, made.version)
        assert str(refused.value) == str(damage)
    with pytest.raises(DamagedArtifact):
        folder_shelf.reopened().current(HOUR)

    again = folder_shelf.beside("later").publish(b"ours")

    assert again.version == made.version
    assert list(folder_shelf.reopened().verify()) == []
    assert folder_shelf.reopened().current(HOUR) == again


def test_a_discarded_version_is_gone_and_is_made_again(shelf: Shelf) -> None:
    older = shelf.made_current(b"older")
    made = shelf.made_current(b"newer")

    shelf.repository.discard(HOUR, made.version)

    assert shelf.repository.current(HOUR) is None
    assert shelf.repository.versions(HOUR) == [older]
    assert not shelf.version_folder(made).exists()
    assert shelf.made_current(b"newer").version == made.version
    assert shelf.reopened().current(HOUR) is not None


def test_discarding_a_version_that_is_not_current_leaves_head(shelf: Shelf) -> None:
    older = shelf.made_current(b"older")
    made = shelf.made_current(b"newer")

    shelf.repository.discard(HOUR, older.version)
    shelf.repository.discard(HOUR, older.version)

    assert shelf.repository.current(HOUR) == made


def test_a_head_that_another_mended_since_it_was_looked_at_is_not_discarded(shelf: Shelf) -> None:
    made = shelf.made_current(b"vectors")
    (shelf.folder / HOUR.path / "HEAD").write_bytes(b"")
    assert len(list(shelf.reopened().check(HOUR, None))) == 1
    shelf.reopened().set_head(HOUR, made.version)

    shelf.repository.discard(HOUR, None)

    assert shelf.reopened().current(HOUR) == made


@pytest.mark.parametrize("content", [b"", b"0123456789abcdef\n"], ids=["no version", "no such"])
def test_a_head_that_leads_nowhere_is_found_and_discarded(shelf: Shelf, content: bytes) -> None:
    made = shelf.made_current(b"vectors")
    (shelf.folder / HOUR.path / "HEAD").write_bytes(content)

    (damage,) = shelf.repository.verify()
    assert f"{HOUR.path}/HEAD" in damage.what
    shelf.repository.discard(HOUR, None)

    assert list(shelf.repository.verify()) == []
    assert shelf.repository.head(HOUR) is None
    assert shelf.made_current(b"vectors") == made
