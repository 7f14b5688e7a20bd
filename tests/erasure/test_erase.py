"""An erased listing is nowhere, everything else is as if it had never been there."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing
from photosearch.cli import main
from photosearch.images.cache import ImageCache
from photosearch.images.reports import PhotoReports
from photosearch.init.folder_scan import scan_folder
from photosearch.repository.addresses import Address, Kind
from photosearch.repository.erasures import Pending, Receipt, digest_of, receipt_path, receipts
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch.repository.storage.folder import STAGED_MARK
from photosearch.windows import Window
from photosearch_assets.steps.context import StepContext
from photosearch_operations.erasure.check import still_there
from photosearch_operations.erasure.erase import STAGES, Erasure, ErasureOptions
from photosearch_operations.erasure.waiting import ErasureError
from tests.assets.by_hand import due, run_step
from tests.assets.conftest import START, Shop, hours
from tests.erasure.conftest import DAY, make_all
from tests.erasure.killing import killed_at
from tests.erasure.servers import announce

GONE = "p3.png"  # of the second hour
[HOUR] = hours(1, 1)


def erase(
    shop: Shop, listing: str = GONE, *, photo_too: bool = False, wait_s: float = 5
) -> Receipt:
    return Erasure(shop.settings, listing, ErasureOptions(photo_too, wait_s)).run()


def heads(shop: Shop) -> dict[str, str]:
    """Every current version, by kind and window."""
    with StepContext(shop.settings) as context:
        return {
            f"{kind} {window}": version
            for kind in (Kind.EMBEDDINGS, Kind.INDEX)
            for window, version in context.repository.heads(context.fingerprint, kind).items()
        }


def index(shop: Shop, window: Window) -> tuple[Repository, Address, Manifest]:
    with StepContext(shop.settings) as context:
        address = Address.index(context.fingerprint, window)
        manifest = context.repository.current(address)
    assert manifest is not None
    return context.repository, address, manifest


def files_with(shop: Shop, *needles: bytes) -> list[str]:
    """The files of the whole state folder that hold one of these bytes."""
    folder = shop.settings.state
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    ]


def vectors(shop: Shop) -> list[bytes]:
    """The vector of the photo, as embeddings and as an index have it."""
    found = []
    with StepContext(shop.settings) as context:
        for kind in (Kind.EMBEDDINGS, Kind.INDEX):
            manifest = context.shelf(kind).require(HOUR, "")
            folder = context.shelf(kind).folder(manifest)
            rows = (folder / "rows.jsonl").read_text().splitlines()
            [row] = [number for number, line in enumerate(rows) if f'"{GONE}"' in line]
            found.append(np.load(folder / "vectors.npy")[row].tobytes())
    return found


def run_under_way(shop: Shop) -> "subprocess.Popen[bytes]":
    """A process that works on a run until it is killed."""
    work = (
        "import time; from photosearch.settings.settings import load_settings;"
        "from photosearch_assets.instance.runs_at_work import open_runs_at_work;"
        "open_runs_at_work(load_settings()).hold('run-1');"
        "print('on', flush=True); time.sleep(60)"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", work], stdout=subprocess.PIPE, env=shop.settings.environment()
    )
    assert running.stdout is not None
    with running.stdout as told:
        told.readline()
    return running


def test_nothing_of_it_is_left_in_any_file_that_was_made(made: Shop) -> None:
    needles = [GONE.encode(), *vectors(made)]
    assert len(files_with(made, *needles)) >= 7

    receipt = erase(made)

    assert files_with(made, *needles) == []
    assert receipt.finished_at is not None
    assert receipt.pending is None
    assert receipt.windows == ["daily/2026-01-01", HOUR.key]
    assert len(receipt.removed) == 4
    assert (made.root / "photos" / GONE).exists()
    assert receipt.source_photos == "1 left in the image store"


def test_what_is_left_is_what_the_steps_make_of_a_shop_that_never_had_it(made: Shop) -> None:
    erase(made)
    left = heads(made)
    assert due(made).is_empty

    made.forget()
    with Catalogue.open(made.settings) as catalogue:
        assert GONE not in catalogue.listing_times()
    make_all(made)

    assert heads(made) == left


def test_the_same_holds_under_a_quantiser(made: Shop) -> None:
    made.configure(quantiser_min_photos=100)
    for number in range(100, 200):
        made.list_photo(f"p{number}.png", START + timedelta(hours=2, minutes=number % 60))
    make_all(made)
    _, _, before = index(made, DAY)
    assert before.quantiser is not None

    erase(made)

    repository, address, after = index(made, DAY)
    assert due(made).is_empty
    assert after.rows == before.rows - 1
    assert after.quantiser == before.quantiser
    left = {key: version for key, version in heads(made).items() if key.startswith("index")}
    for window in (HOUR, DAY):  # encoded anew from the embeddings that are left
        place = Address.index(address.fingerprint or "", window)
        repository.discard(place, left[f"index {window}"])
    run_step(made, "hourly_index", [HOUR])
    run_step(made, "daily_index", [DAY])
    assert {key: v for key, v in heads(made).items() if key.startswith("index")} == left


def test_old_and_pinned_versions_lose_it_too_and_the_pin_stays(made: Shop) -> None:
    repository, address, first = index(made, DAY)
    made.list_photo("p99.png", START + timedelta(hours=1, minutes=30))
    make_all(made)
    repository.rollback(address, first.version)

    receipt = erase(made)

    _, _, after = index(made, DAY)
    assert after.rows == first.rows - 1  # as it was when it was pinned, without p99
    assert repository.head(address).is_pinned  # type: ignore[union-attr]
    assert len(receipt.removed) == 8
    assert files_with(made, GONE.encode()) == []
    assert due(made).is_empty
    assert list(repository.verify()) == []


def test_a_photo_that_could_not_be_used_is_forgotten_with_its_reason(made: Shop) -> None:
    made.list_photo("broken.jpg", START + timedelta(hours=1, minutes=20), b"not a photo")
    make_all(made)
    assert files_with(made, b"broken.jpg")

    erase(made, "listing of broken.jpg")

    assert files_with(made, b"broken.jpg") == []
    assert due(made).is_empty


def test_what_killed_steps_left_behind_goes_too(made: Shop) -> None:
    repository, address, manifest = index(made, HOUR)
    source = repository.local_files(address, manifest.version)
    half = made.settings.state / "repository" / address.folder("0" * 16)
    work = made.settings.state / "work" / "hourly_index-abc" / "out"
    other = made.settings.state / "work" / "daily_index-abc"
    for folder in (half, work, other):
        folder.mkdir(parents=True)
    (half / "vectors.npy").write_bytes((source / "vectors.npy").read_bytes())
    (work / "rows.jsonl").write_bytes((source / "rows.jsonl").read_bytes())
    (other / "rows.jsonl").write_bytes(b"")

    erase(made)

    assert not half.exists()
    assert not work.parent.exists()
    assert other.exists()


def test_drafts_of_killed_writers_that_name_it_go_too(made: Shop) -> None:
    """Of half a layer in the image folder, and of the receipt, which has the id in the open."""
    layer = made.settings.state / "registry" / ".staging" / "tmp1"
    receipt = made.settings.state / "repository" / receipt_path(digest_of(GONE))
    draft = receipt.with_name(f"{receipt.name}{STAGED_MARK}123-456")
    for file in (layer, draft):
        file.parent.mkdir(parents=True)
        file.write_text(f'"listing_id":"{GONE}"')

    erase(made)

    assert files_with(made, GONE.encode()) == []


def test_copies_in_the_image_cache_go_whatever_their_name(made: Shop) -> None:
    cache = ImageCache(made.settings.cache_dir)
    content = (made.root / "photos" / GONE).read_bytes()
    cache.put(GONE, content)
    cache.put("a former path of it.png", content)
    cache.put("another.png", b"another")

    assert erase(made).cached_photos == 2

    assert [entry.read_bytes() for entry in cache.entries()] == [b"another"]


def test_the_photo_itself_goes_only_when_asked_for(made: Shop) -> None:
    receipt = erase(made, photo_too=True)

    assert not (made.root / "photos" / GONE).exists()
    assert receipt.source_photos == "1 deleted from the image store"


def test_a_photo_that_was_left_can_be_deleted_later_though_its_rows_are_gone(made: Shop) -> None:
    erase(made)

    receipt = erase(made, photo_too=True)

    assert not (made.root / "photos" / GONE).exists()
    assert receipt.source_photos == "1 deleted from the image store"
    assert erase(made, photo_too=True).source_photos == receipt.source_photos  # not "0 deleted"


def test_a_deleted_photo_that_is_there_again_is_found_by_verify(made: Shop) -> None:
    file = made.root / "photos" / GONE
    content = file.read_bytes()
    erase(made, photo_too=True)
    file.write_bytes(b"another photo of that name")
    assert list(still_there(made.settings)) == []

    file.write_bytes(content)

    [found] = still_there(made.settings)
    assert found == f"{file}: a photo that was erased and deleted is there again"


def test_of_a_link_out_of_the_folder_the_receipt_says_where_the_photo_lies(made: Shop) -> None:
    file, outside = made.root / "photos" / GONE, made.root / "kept elsewhere"
    file.rename(outside)
    file.symlink_to(outside)

    receipt = erase(made, photo_too=True)

    assert receipt.source_photos == "1 of which a name was deleted and the bytes were not"
    assert any(str(outside) in sentence for sentence in receipt.left)
    assert outside.exists()
    assert not file.is_symlink()
    assert list(still_there(made.settings)) == []


def test_a_photo_of_another_listing_too_stays_when_one_is_erased(made: Shop) -> None:
    (made.root / "photos/twin.png").symlink_to(GONE)
    made.list_photo("twin.png", START + timedelta(hours=1, minutes=40), b"")
    (made.root / "photos" / GONE).write_bytes(b"of both")

    receipt = erase(made, photo_too=True)

    assert (made.root / "photos/twin.png").read_bytes() == b"of both"
    assert any("is a photo of another listing" in sentence for sentence in receipt.left)


def test_what_can_not_be_deleted_now_leaves_the_rest_done_and_the_erasure_open(
    made: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = os.unlink

    def refuse(name: str, **given: int) -> None:
        if str(name).endswith(f"/{GONE}"):
            raise PermissionError(1, "Operation not permitted", name)
        unlink(name, **given)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        with pytest.raises(ErasureError, match="everything else is done") as open_because:
            erase(made, photo_too=True)
    assert "Operation not permitted" in str(open_because.value)
    assert index(made, DAY)[2].rows == 5
    assert any("the erasure is not finished" in one for one in still_there(made.settings))

    assert erase(made).source_photos == "1 left in the image store"
    assert list(still_there(made.settings)) == []
    assert erase(made, photo_too=True).source_photos == "1 deleted from the image store"


def test_a_listing_is_erased_by_its_id_whatever_its_row_says(made: Shop) -> None:
    file = made.settings.state / "catalogue.db"
    with sqlite3.connect(file) as database:
        database.execute("UPDATE listings SET price = 'a fortune' WHERE id = ?", (GONE,))
        database.execute("UPDATE photos SET path = '../outside.png' WHERE id = ?", (GONE,))
    database.close()

    receipt = erase(made, photo_too=True)

    assert receipt.finished_at is not None
    # The path of the row, and the one that was indexed before the row said otherwise.
    assert receipt.source_photos == "1 deleted from the image store, 1 left in the image store"
    assert not (made.root / "photos" / GONE).exists()
    assert any("no path inside the image store" in sentence for sentence in receipt.left)


def test_a_listing_is_erased_while_the_shops_database_is_down(made: Shop) -> None:
    made.configure(database_url="postgresql://nobody@127.0.0.1:1/shop")

    receipt = erase(made)

    assert len(receipt.removed) == 4
    report = PhotoReports(Repository.of(made.settings)).read(HOUR)
    assert report is not None
    assert [photo.photo_id for photo in report.photos] == ["p2.png"]
    with pytest.raises(ErasureError, match="everything else is done"):
        erase(made, photo_too=True)  # nobody can say whether another listing has the photo
    assert (made.root / "photos" / GONE).exists()


def test_no_scan_and_no_late_listing_brings_it_back(made: Shop) -> None:
    erase(made)
    with Catalogue.open(made.settings) as catalogue:
        before = catalogue.listing_times()
        scan = scan_folder(made.root / "photos", catalogue)
        assert scan.passed_over["erased"] == 1
        assert GONE not in catalogue.listing_times()
        assert before.keys() == catalogue.listing_times().keys()
    made.list_photo("other.png", START + timedelta(hours=1, minutes=50))

    make_all(made)

    assert files_with(made, GONE.encode()) == []


def test_a_row_that_stays_in_the_shops_own_database_is_hidden(made: Shop) -> None:
    database = f"sqlite:///{made.settings.state / 'catalogue.db'}"
    made.configure(database_url=database)
    receipt = erase(made)

    assert any("own database" in note for note in receipt.notes)
    with Catalogue.open(made.settings) as catalogue:
        assert catalogue.listings([GONE]) == {}
        assert catalogue.photo(GONE) is None
        assert GONE not in [photo.photo_id for photo in catalogue.photos_in(HOUR)]
        assert GONE not in [photo.photo_id for photo in catalogue.sample_photos(99)]
    with Catalogue.open(made.settings, with_erased=True) as catalogue:
        assert GONE in catalogue.listings([GONE])
    make_all(made)
    assert due(made).is_empty
    assert erase(made).removed == receipt.removed  # again: nothing more to do


def test_a_second_one_of_the_same_hour_leaves_nothing_to_be_made_again(made: Shop) -> None:
    """Both stay in the shop's own database, where a step sees neither."""
    made.configure(database_url=f"sqlite:///{made.settings.state / 'catalogue.db'}")
    made.list_photo("p99.png", START + timedelta(hours=1, minutes=30))
    make_all(made)
    erase(made, "p2.png")

    erase(made)

    assert index(made, HOUR)[2].rows == 1
    assert due(made).is_empty


def test_a_photo_that_now_belongs_to_another_listing_stays_there(made: Shop) -> None:
    with Catalogue.open(made.settings) as catalogue:
        photo = catalogue.photo(GONE)
        assert photo is not None
        other = Listing("other", None, None, None, "live", photo.listed_at, (GONE,))
        catalogue.write([other], [replace(photo, listing_id="other")])
    make_all(made)

    erase(made)

    repository, address, manifest = index(made, HOUR)
    rows = (repository.local_files(address, manifest.version) / "rows.jsonl").read_text()
    owners = {json.loads(line)["photo_id"]: json.loads(line)["listing_id"] for line in rows.split()}
    assert owners == {"p2.png": "p2.png", GONE: "other"}
    assert due(made).is_empty
    assert files_with(made, f'"listing_id":"{GONE}"'.encode()) == []
    assert list(still_there(made.settings)) == []


def test_a_run_that_read_the_catalogue_before_publishes_nothing_of_it(made: Shop) -> None:
    """The photo was fetched and embedded while the erasure went over everything."""
    with StepContext(made.settings) as context:
        reports = context.photo_reports
        report = reports.read(HOUR)
        assert report is not None
        photos = context.catalogue.photos_in(HOUR)
        made.list_photo("p99.png", START + timedelta(hours=1, minutes=30))
        erase(made)
        reports.put(report, reports.seen(HOUR), made.root, None)  # as if it were read before
        assert GONE in [photo.photo_id for photo in photos]

        run_step(made, "embeddings", [HOUR])

        manifest = context.fresh_shelf(Kind.EMBEDDINGS).require(HOUR, "")
        assert manifest.rows == 1
        assert [p.photo_id for p in context.catalogue.without_erased(photos)] == ["p2.png"]


def test_it_waits_for_a_run_that_began_before_and_then_looks_again(
    made: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run publishes a version with the listing after everything was deleted."""
    repository, address, manifest = index(made, HOUR)
    old = Path(str(repository.local_files(address, manifest.version)))
    kept = made.root / "kept"
    kept.mkdir()
    for file in old.iterdir():
        (kept / file.name).write_bytes(file.read_bytes())
    running = run_under_way(made)

    def publish_late() -> None:
        until = time.monotonic() + 20
        while not any(r.removed for r in receipts(repository.storage)):
            assert time.monotonic() < until
            time.sleep(0.02)
        late = repository.publish(
            address,
            {name: kept / name for name in manifest.files},
            rows=manifest.rows,
            dimension=manifest.dimension,
            inputs=manifest.inputs,
            recipe=manifest.recipe,
        )
        repository.set_head(address, late.version)
        running.send_signal(signal.SIGKILL)
        running.wait()

    publisher = threading.Thread(target=publish_late)
    publisher.start()
    try:
        erase(made, wait_s=30)
    finally:
        publisher.join()
        running.kill()
        running.wait()

    (kept / "rows.jsonl").unlink()
    assert files_with(made, GONE.encode()) == []
    assert list(repository.verify()) == []
    assert index(made, HOUR)[2].rows == 1


def test_it_waits_for_a_run_that_began_while_it_waited_for_another_erasure(made: Shop) -> None:
    """Such a run has read a catalogue that still had the listing."""
    work = Erasure(made.settings, GONE, ErasureOptions(wait_s=0.3))
    running = run_under_way(made)
    try:
        with pytest.raises(ErasureError, match="a run that began before"):
            work.run()
    finally:
        running.kill()
        running.wait()


def test_versions_are_deleted_only_when_no_server_holds_them(made: Shop) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", "input()", "index-server"], stdin=subprocess.PIPE
    )
    endpoint = announce(made, DAY, pid=server.pid)
    repository, address, manifest = index(made, DAY)

    with pytest.raises(ErasureError, match="an index server still holds the listing") as error:
        erase(made, wait_s=0.3)
    assert f"daily/2026-01-01 {manifest.version}" in str(error.value.found)
    assert repository.manifest(address, manifest.version) == manifest
    assert index(made, DAY)[2].rows == manifest.rows - 1  # the next server has it no more
    [receipt] = receipts(repository.storage)
    assert receipt.finished_at is None

    (made.settings.endpoints_dir / f"{endpoint.serving}.json").unlink()
    with pytest.raises(ErasureError):  # withdrawn, but the process still has it in memory
        erase(made, wait_s=0.3)
    server.kill()
    server.communicate()
    assert erase(made, wait_s=5).finished_at is not None
    assert files_with(made, GONE.encode()) == []


def test_what_a_server_that_was_killed_announced_holds_nothing(made: Shop) -> None:
    """As after the end of everything, deployer and all: nobody takes its file away."""
    server = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    announce(made, DAY, pid=server.pid)
    server.kill()
    server.communicate()

    receipt = erase(made, wait_s=0)

    assert receipt.finished_at is not None
    assert files_with(made, GONE.encode()) == []


def test_processes_that_a_former_release_noted_by_number_are_waited_for_too() -> None:
    noted = {"listing_id": GONE, "servers": [4711]}

    assert Pending.model_validate(noted).servers == ["4711"]


@pytest.mark.parametrize("stage", STAGES[:-1], ids=lambda stage: stage.__name__)
def test_killed_after_any_stage_it_is_finished_by_running_it_again(
    made: Shop, stage: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    needles = [GONE.encode(), *vectors(made)]
    work = Erasure(made.settings, GONE, ErasureOptions(wait_s=5))
    for one in STAGES[: STAGES.index(stage) + 1]:
        one(work)
    del work

    receipt = erase(made)

    assert files_with(made, *needles) == []
    assert receipt.pending is None
    assert len(receipt.removed) == 4
    assert receipt.source_photos == "1 left in the image store"
    assert due(made).is_empty


def test_killed_at_any_change_it_is_finished_by_running_it_again(made: Shop) -> None:
    """One shop, killed at its first change, then at the second of what is left, and so on."""
    needles = [GONE.encode(), *vectors(made)]
    number = 0
    while True:
        number += 1
        if not killed_at(number, lambda: erase(made)):
            break
        assert number < 200

    assert number > 8
    assert files_with(made, *needles) == []
    [receipt] = receipts(index(made, DAY)[0].storage)
    assert receipt.finished_at is not None
    assert len(receipt.vectors) == 2
    assert len(receipt.removed) >= 4
    assert due(made).is_empty


def test_erasures_at_once_leave_every_window_current(made: Shop) -> None:
    listings = ["p0.png", "p2.png", "p3.png", "p3.png"]
    before = heads(made)
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda listing: erase(made, listing, wait_s=30), listings))

    assert all(receipt.finished_at for receipt in found)
    assert files_with(made, *(name.encode() for name in listings)) == []
    assert heads(made).keys() == before.keys()
    assert index(made, DAY)[2].rows == 3
    assert due(made).is_empty


def test_a_version_that_becomes_current_meanwhile_is_made_again_and_not_deleted(
    made: Shop,
) -> None:
    """As by a run, or an erasure on another machine, that made it while this one went on."""
    repository, address, before = index(made, HOUR)
    work = Erasure(made.settings, GONE, ErasureOptions(wait_s=5))
    at = STAGES.index(Erasure.delete)
    for stage in STAGES[:at]:
        stage(work)
    head = repository.head(address)
    assert head is not None
    repository.replace_head(address, before.version, head)

    STAGES[at](work)
    assert repository.head(address) is not None
    for stage in STAGES[at + 1 :]:
        stage(work)

    assert index(made, HOUR)[2].rows == before.rows - 1
    assert files_with(made, GONE.encode()) == []
    make_all(made)
    assert due(made).is_empty


def test_the_receipt_holds_no_id_and_nothing_of_the_photo(made: Shop) -> None:
    needles = [GONE.encode(), *vectors(made), (made.root / "photos" / GONE).read_bytes()[:64]]

    receipt = erase(made)

    content = (made.settings.state / "repository" / receipt_path(receipt.listing)).read_bytes()
    assert not any(needle in content for needle in needles)
    assert json.loads(content)["listing"] == receipt.listing
    assert len(content) < 10_000


def test_a_listing_that_nobody_knows_is_refused(made: Shop) -> None:
    with pytest.raises(ErasureError, match="nothing of a listing 'p33'"):
        erase(made, "p33")

    assert receipts(index(made, DAY)[0].storage) == []


def test_a_listing_whose_row_is_gone_already_is_erased_all_the_same(made: Shop) -> None:
    with Catalogue.open(made.settings) as catalogue:
        catalogue.replace([], [], [GONE])

    receipt = erase(made)

    assert len(receipt.removed) == 4
    assert files_with(made, f'"{GONE}"'.encode()) == []
    assert due(made).is_empty


def test_ids_that_need_escapes_or_contain_one_another_are_told_apart(made: Shop) -> None:
    odd = 'a "quoted" ü\\.png'
    for number, name in enumerate((odd, f"{odd}.png", f"x{odd}")):
        content = (made.root / "photos" / f"p{number}.png").read_bytes()
        made.list_photo(name, START + timedelta(hours=1, minutes=20 + number), content)
    make_all(made)

    erase(made, f"listing of {odd}")

    repository, address, manifest = index(made, HOUR)
    assert manifest.rows == 4
    rows = (repository.local_files(address, manifest.version) / "rows.jsonl").read_text()
    left = {json.loads(line)["photo_id"] for line in rows.splitlines()}
    assert left == {"p2.png", "p3.png", f"{odd}.png", f"x{odd}"}


def test_the_command_tells_what_it_did(made: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["erase", GONE])
    out = capsys.readouterr().out
    assert not ended.value.code
    assert "erased: 1 photo in 2 windows" in out
    assert "4 versions" in out

    with pytest.raises(SystemExit):
        main(["erase", GONE, "--json"])
    assert json.loads(capsys.readouterr().out)["pending"] is None
