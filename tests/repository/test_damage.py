"""Readers refuse what is not what its manifest says, and name it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from photosearch.repository.addresses import Address
from photosearch.repository.errors import DamagedArtifact
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
def test_verify_finds_another_word_in_a_manifest_that_can_be_read(
    folder_shelf: Shelf, name: str, value: object
) -> None:
    source = folder_shelf.made_current(b"network", Address.embedders(), version=FINGERPRINT)
    made = folder_shelf.made_current(b"vectors", inputs=[as_input(source)])
    path = folder_shelf.version_folder(made) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))

    (damage,) = folder_shelf.reopened().verify()

    assert f"{made.version}/manifest.json is not as it was written" in damage.what


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
