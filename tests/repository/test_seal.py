"""A manifest that is changed anywhere is told of, also where its version does not depend on it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photosearch.repository.addresses import Address
from photosearch.repository.embedder_roles import Role, note, read_noted
from photosearch.repository.manifest import Manifest, parse_manifest
from photosearch.repository.seal import Seal, seal_of, sealed
from photosearch.repository.verify_notes import lost_heads, wrong_roles
from tests.repository.artifacts import FINGERPRINT, HOUR, Shelf

_DOCUMENT = b'{\n "rows": 4,\n "details": {\n  "leaves": 12\n },\n "run_id": "r1"\n}\n'
_KNOWN = ("rows", "details", "run_id")


def test_a_sealed_document_is_whole_and_says_the_same() -> None:
    done = sealed(_DOCUMENT)

    assert seal_of(done, _KNOWN) is Seal.WHOLE
    said = json.loads(done)
    assert said.pop("sha256")
    assert said == json.loads(_DOCUMENT)
    assert seal_of(_DOCUMENT, _KNOWN) is Seal.NONE


@given(st.data())
def test_every_bit_and_every_cut_shows(data: st.DataObject) -> None:
    whole = sealed(_DOCUMENT)
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))

    assert seal_of(bytes(flipped), _KNOWN) is Seal.BROKEN
    assert seal_of(whole[:at], _KNOWN) is Seal.BROKEN
    assert seal_of(whole + data.draw(st.binary(min_size=1)), _KNOWN) is Seal.BROKEN


@pytest.mark.parametrize("name", ["quantiser", "dimension", "created_at", "run_id", "rows"])
def test_verify_finds_another_word_that_the_version_does_not_depend_on(
    shelf: Shelf, name: str
) -> None:
    made = shelf.made_current(b"vectors", run_id="r1", quantiser="q1", recall=0.95)
    path = shelf.version_folder(made) / "manifest.json"
    value = json.dumps(json.loads(path.read_bytes())[name]).encode()
    is_time = name == "created_at"
    other = (
        value.replace(b'"20', b'"19')
        if is_time
        else value.translate(bytes.maketrans(b"12q", b"21r"))
    )
    assert other != value
    before, after = (b'"%s": %s' % (name.encode(), each) for each in (value, other))
    path.write_bytes(path.read_bytes().replace(before, after))

    (damage,) = shelf.reopened().verify()

    assert f"{made.version}/manifest.json is not as it was written" in damage.what


def test_a_manifest_of_a_former_release_is_read_and_counted(folder_shelf: Shelf) -> None:
    made = folder_shelf.made_current(b"vectors")
    path = folder_shelf.version_folder(made) / "manifest.json"
    assert folder_shelf.repository.has_seal(HOUR, made.version)
    path.write_bytes(made.to_bytes())

    again = folder_shelf.reopened()

    assert list(again.verify()) == []
    assert again.manifest(HOUR, made.version) == made
    assert not again.has_seal(HOUR, made.version)


def test_the_checksum_is_no_part_of_the_version(folder_shelf: Shelf) -> None:
    made = folder_shelf.publish(b"vectors")
    path = folder_shelf.version_folder(made) / "manifest.json"

    read = parse_manifest(path.read_bytes(), "m")

    assert read == made
    assert read.digest == made.digest
    assert "sha256" not in Manifest.model_fields


def test_a_lost_head_is_told(shelf: Shelf, tmp_path: Path) -> None:
    made = shelf.made_current(b"vectors")
    artifacts = list(shelf.repository.everything())
    assert list(lost_heads(shelf.repository, artifacts)) == []
    shelf.repository.storage.delete([HOUR.head_path])
    lost = [one for one in artifacts if one[1] is not None]

    [told] = lost_heads(shelf.repository, lost)

    assert told.startswith(f"{HOUR.head_path} is missing: found 1 version")
    assert "photosearch materialize" in told
    shelf.repository.set_head(HOUR, made.version)  # as a step does a moment later
    assert list(lost_heads(shelf.repository, lost)) == []


@pytest.mark.parametrize("content", ["f2", "../f1", "\udcff"])
def test_a_role_of_no_embedder_is_told(shelf: Shelf, content: str) -> None:
    shelf.made_current(b"network", Address.embedders(), version=FINGERPRINT)
    note(shelf.repository, Role.NEXT, FINGERPRINT)
    note(shelf.repository, Role.PREVIOUS, "")
    assert list(wrong_roles(shelf.repository)) == []
    noted = read_noted(shelf.repository, Role.NEXT)
    assert noted is not None
    shelf.repository.storage.replace(
        "asked/next-embedder", content.encode(errors="surrogateescape"), noted.tag
    )

    [told] = wrong_roles(shelf.repository)

    assert told.startswith("asked/next-embedder names no embedder")
