"""What verify proposes is enough, and what a former release wrote is no fault."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from index_grpc.serving.opening import open_desk
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.repository.addresses import Address
from photosearch.repository.erasures import ErasedListings, digest_of, mark_path, receipt_path
from photosearch.repository.repository import Repository
from tests.controller.made_repository import FINGERPRINT
from tests.verify.conftest import HOUR, Installation


def the_only(folder: Path, pattern: str) -> Path:
    [path] = folder.glob(pattern)
    return path


def change(path: Path, before: bytes, after: bytes) -> None:
    content = path.read_bytes()
    assert before in content
    path.chmod(0o644)
    path.write_bytes(content.replace(before, after, 1))


@pytest.mark.parametrize(
    ("pattern", "before", "after"),
    [
        ("servings/[!.]*.json", b'"tier": "', b'"tier": "x'),
        ("servings/[!.]*.json", b"sha256:", b"sha256:0"),
        ("servings/.refused-by-builder.json", b"why", b"wry"),
        ("servings/.refused-by-deployer.json", b'"left_out": true', b'"left_out": false'),
        ("servings/.crashing.json", b'"crashes": 3', b'"crashes": 1'),
        ("repository/photos/hourly/*/*/photos.jsonl", b'"bytes":16', b'"bytes":17'),
        ("cache/photos/*/*", b"bytes", b"bites"),
    ],
)
def test_what_is_discarded_is_made_again(
    in_folder: Installation, pattern: str, before: bytes, after: bytes
) -> None:
    path = the_only(in_folder.settings.state, pattern)
    change(path, before, after)

    code, said = in_folder.verified()
    assert code == 1
    assert str(path).rpartition("/repository/")[2] in re.sub(r"\n", "", said)
    assert "verify --discard" in said
    in_folder.verified("--discard")
    assert not path.exists()

    assert reconcile_servings(in_folder.settings).failed == []
    code, said = in_folder.verified()
    assert code == 0, said
    assert len(open_desk(in_folder.settings).asked()) == 1


def test_a_head_whose_pin_was_changed_is_written_anew_and_stays_pinned(
    in_folder: Installation,
) -> None:
    address = Address.index(FINGERPRINT, HOUR)
    repository = Repository.of(in_folder.settings)
    before = repository.head(address)
    assert before is not None
    year = f"pinned {datetime.now(UTC).year}".encode()
    change(in_folder.settings.state / "repository" / address.head_path, year, b"pinned 2019")

    code, said = in_folder.verified()
    assert (code, "HEAD is not as it was written" in said) == (1, True)
    in_folder.verified("--discard")

    assert in_folder.verified()[0] == 0
    after = repository.head(address)
    assert after is not None
    assert (after.version, after.is_pinned) == (before.version, True)


def test_a_lost_receipt_is_told_and_its_listing_stays_hidden(in_folder: Installation) -> None:
    listing = digest_of("gone")
    storage = Repository.of(in_folder.settings).storage
    receipt = storage.read(receipt_path(listing))
    assert receipt is not None
    storage.delete([receipt_path(listing)])

    code, said = in_folder.verified()

    assert (code, "receipt.json is missing" in said) == (1, True)
    assert ErasedListings(storage).known() == {listing[:32]}
    storage.replace(receipt_path(listing), receipt.content, None)
    storage.delete([mark_path(listing)])
    code, said = in_folder.verified()
    assert (code, "no mark beside it" in said) == (1, True)


def test_what_a_former_release_wrote_is_no_fault(in_folder: Installation) -> None:
    settings = in_folder.settings
    asked = open_desk(settings).asked()
    for path in settings.servings_dir.glob("[!.]*.json"):
        document = json.loads(path.read_bytes())
        del document["sha256"]
        path.write_text(json.dumps(document, indent=1))
    for path in settings.servings_dir.glob(".*.json"):
        document = json.loads(path.read_bytes())
        path.write_text(json.dumps(next(iter(document.values())), indent=1))
    storage = Repository.of(settings).storage
    listing = digest_of("gone")
    receipt = storage.read(receipt_path(listing))
    assert receipt is not None
    former = json.loads(receipt.content)
    del former["sha256"], former["marked"]
    storage.replace(
        receipt_path(listing), json.dumps(former, indent=1).encode() + b"\n", receipt.tag
    )
    storage.delete([mark_path(listing)])
    head = settings.state / "repository" / Address.index(FINGERPRINT, HOUR).head_path
    head.write_bytes(b"".join(head.read_bytes().splitlines(keepends=True)[:2]))

    code, said = in_folder.verified()

    assert code == 0, said
    assert open_desk(settings).asked() == asked
    assert len(open_desk(settings).refused("builder")) == len(open_desk(settings).crashing()) == 1


def test_a_serving_whose_file_was_lost_is_told(in_folder: Installation) -> None:
    the_only(in_folder.settings.servings_dir, "[!.]*.json").unlink()

    code, said = in_folder.verified()

    assert (code, "is not asked for: found its image" in said) == (1, True)
    reconcile_servings(in_folder.settings)
    assert in_folder.verified()[0] == 0
