"""The trail of a listing: back to its photo if it is served, else to where it stopped."""

import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from index_grpc.serving.desk import Endpoint, EndpointWindow
from index_grpc.serving.endpoints import EndpointFolder
from index_grpc.serving.opening import open_desk
from index_grpc.serving.serving import Serving
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.cli import main
from photosearch.oci.opening import open_registry
from photosearch.repository.addresses import Address, Kind
from photosearch.windows import Window
from photosearch_assets.steps.context import StepContext
from photosearch_operations.erasure.erase import Erasure, ErasureOptions
from photosearch_operations.explain.explain import explain
from photosearch_operations.explain.trail import PhotoTrail
from tests.assets.by_hand import run_step
from tests.assets.conftest import START, Shop, hours
from tests.erasure.conftest import DAY, make_all
from tests.erasure.servers import announce
from tests.oci import poison

PHOTO = "p3.png"  # of the second hour
[HOUR] = hours(1, 1)
STEPS = "server image index index quantiser embeddings embedder photo-report source-photo"


def trail(shop: Shop, listing: str = PHOTO) -> PhotoTrail:
    [found] = explain(shop.settings, listing).photos
    return found


def names(found: PhotoTrail) -> str:
    return " ".join(step.name.replace(" ", "-") for step in found.steps)


def disagreement(found: PhotoTrail) -> tuple[str, str]:
    [(name, why)] = [(step.name, str(step.why_not)) for step in found.steps if step.agrees is False]
    return name, why


def stopped(shop: Shop, listing: str = PHOTO) -> str:
    found = explain(shop.settings, listing)
    if found.stopped is not None:
        return found.stopped
    [photo] = found.photos
    assert not photo.served
    return str(photo.stopped)


def folder_of(shop: Shop, kind: Kind, window: Window) -> Path:
    with StepContext(shop.settings) as context:
        address = Address(kind, context.fingerprint, window)
        manifest = context.repository.current(address)
        assert manifest is not None
        return context.repository.local_files(address, manifest.version)


def imaged(endpoint: Endpoint, shop: Shop) -> Endpoint:
    """The server again, as of one that was started from the image of what is current."""
    reconcile_servings(shop.settings)
    [asked] = open_desk(shop.settings).asked().values()
    known = endpoint.model_copy(update={"image": asked.image})
    EndpointFolder(shop.settings.endpoints_dir).announce(known)
    return known


def test_a_served_photo_is_traced_from_its_server_to_its_bytes(made: Shop) -> None:
    image = imaged(announce(made, DAY), made).image

    found = trail(made)

    assert found.served
    assert found.stopped is None
    assert names(found) == STEPS
    assert found.agrees
    assert all(step.agrees for step in found.steps if step.name != "quantiser")
    by_name = {step.name: step.found for step in found.steps}
    assert by_name["image"] == image
    assert f"{HOUR} version" in by_name["embeddings"]
    assert "sha256" in by_name["source photo"]


def test_the_coarsest_served_window_that_has_the_row_is_the_beginning(made: Shop) -> None:
    announce(made, HOUR, name="hours")
    assert names(trail(made)) == STEPS.replace("index index", "index")

    announce(made, DAY, name="days")
    assert "daily/2026-01-01" in trail(made).steps[0].found


def test_a_server_of_an_embedder_that_is_prepared_is_not_taken_for_the_one_that_answers(
    made: Shop,
) -> None:
    present = announce(made, HOUR, name="present")
    with StepContext(made.settings) as context:
        repository = context.repository
        before = context.fingerprint
        hour = Address.index(before, HOUR)
        held = repository.manifest(hour, present.windows[0].version)
        files = {name: repository.local_files(hour, held.version) / name for name in held.files}
        day = Address.index("next", DAY)
        made_next = repository.publish(
            day, files, rows=held.rows, dimension=held.dimension, inputs=[], recipe={}
        )
    following = present.model_copy(
        update={
            "serving": "next",
            "fingerprint": "next",
            "ready_at": present.ready_at + timedelta(minutes=1),
            "windows": (EndpointWindow(window=DAY.key, version=made_next.version, rows=held.rows),),
        }
    )
    EndpointFolder(made.settings.endpoints_dir).announce(following)

    assert trail(made).steps[0].found.startswith("present at")


def test_a_photo_that_was_replaced_disagrees_at_the_source(made: Shop) -> None:
    announce(made, DAY)
    (made.root / "photos" / PHOTO).write_bytes(b"another picture")

    name, why = disagreement(trail(made))

    assert name == "source photo"
    assert "the file now has sha256" in why


@pytest.mark.parametrize("kind", [Kind.INDEX, Kind.EMBEDDINGS])
def test_a_damaged_artifact_on_the_way_is_named(made: Shop, kind: Kind) -> None:
    announce(made, HOUR)
    file = folder_of(made, kind, HOUR) / "vectors.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    name, why = disagreement(trail(made))

    assert name == kind
    assert "vectors.npy should have" in why


def test_a_server_that_is_behind_is_named(made: Shop) -> None:
    announce(made, HOUR)
    made.list_photo("p99.png", START + timedelta(hours=1, minutes=30))
    make_all(made)

    name, why = disagreement(trail(made))

    assert (name, why) == ("server", "it holds a version that is no longer current")
    assert "older than" not in stopped(made, "listing of p99.png")
    assert stopped(made, "listing of p99.png") == "serving: no index server holds it"


def test_a_server_of_another_image_than_is_asked_for_is_named(made: Shop) -> None:
    endpoint = imaged(announce(made, DAY), made)
    asked = Serving.of(
        [(DAY, endpoint.windows[0].version)], fingerprint=endpoint.fingerprint, quantiser=None
    )
    other = asked.model_copy(update={"name": "pack", "image": "sha256:" + "2" * 64})
    open_desk(made.settings).ask(other)

    name, why = disagreement(trail(made))

    assert name == "image"
    assert "sha256:222" in why


@pytest.mark.parametrize("change", [poison.other_rows, poison.another_file])
def test_an_image_with_other_content_than_its_version_is_named(
    made: Shop, change: poison.Poison
) -> None:
    known = imaged(announce(made, DAY), made)
    [asked] = open_desk(made.settings).asked().values()
    with StepContext(made.settings) as context:
        builder = context.image_builder
        evil = poison.put_poisoned(asked, context.repository, builder, change)
    open_desk(made.settings).ask(asked.model_copy(update={"image": evil}))
    EndpointFolder(made.settings.endpoints_dir).announce(known.model_copy(update={"image": evil}))

    name, why = disagreement(trail(made))

    assert name == "image"
    assert "holds what makes no version: " in why
    assert str(DAY) in why
    EndpointFolder(made.settings.endpoints_dir).announce(known)
    open_desk(made.settings).ask(asked)
    assert trail(made).agrees


def test_an_image_that_is_gone_or_holds_another_version_is_named(made: Shop) -> None:
    old = imaged(announce(made, DAY), made)
    made.list_photo("p99.png", START + timedelta(hours=1, minutes=30))
    make_all(made)
    present = announce(made, DAY)
    EndpointFolder(made.settings.endpoints_dir).announce(
        present.model_copy(update={"image": old.image})
    )
    version = present.windows[0].version

    assert disagreement(trail(made)) == ("image", f"it does not hold version {version} of {DAY}")

    open_registry(made.settings).delete(str(old.image))
    assert disagreement(trail(made)) == ("image", "the registry does not have it")
    made.configure(registry_url="oci://127.0.0.1:9/shop")
    name, why = disagreement(trail(made))
    assert name == "image"
    assert "127.0.0.1:9" in why


def test_where_a_listing_stops_on_its_way_is_told(shop: Shop) -> None:
    shop.list_hours(3)
    assert stopped(shop, "no such") == "catalogue: no listing has this id"
    assert stopped(shop).startswith("embedder: there is none yet")
    run_step(shop, "embedder")
    assert stopped(shop) == f"embeddings: {HOUR} has none yet"
    for name in ("images", "embeddings"):
        run_step(shop, name, [HOUR])
    assert stopped(shop) == f"index: {HOUR} is not built"
    assert names(trail(shop)) == "embeddings embedder photo-report source-photo"
    run_step(shop, "hourly_index", [HOUR])
    assert stopped(shop) == "serving: no index server runs"
    assert trail(shop).agrees


def test_the_file_of_a_server_that_went_down_with_its_machine_serves_nothing(made: Shop) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        announce(made, DAY, pid=ended.pid)

    assert stopped(made) == "serving: no index server runs"

    file = EndpointFolder(made.settings.endpoints_dir).path(announce(made, DAY).serving)
    of_before = json.loads(file.read_text()) | {"process": f"{os.getpid()}@1.0"}
    file.write_text(json.dumps(of_before))  # its number is another's by now
    assert stopped(made) == "serving: no index server runs"


def test_a_photo_that_could_not_be_used_says_why(made: Shop) -> None:
    made.list_photo("broken.jpg", START + timedelta(hours=1), b"not a photo")
    make_all(made)

    assert stopped(made, "listing of broken.jpg").startswith("photo: ")
    assert "broken.jpg" in stopped(made, "listing of broken.jpg")


def test_a_late_listing_waits_for_its_hour_to_be_made_again(made: Shop) -> None:
    made.list_photo("p99.png", START + timedelta(hours=1, minutes=30))
    listing = "listing of p99.png"
    assert "are older than the photo" in stopped(made, listing)

    for name in ("images", "embeddings"):
        run_step(made, name, [HOUR])
    assert "was made without the photo" in stopped(made, listing)


def test_a_pinned_window_that_lacks_it_is_named(made: Shop) -> None:
    with StepContext(made.settings) as context:
        address = Address.index(context.fingerprint, HOUR)
        old = context.repository.current(address)
        assert old is not None
        made.list_photo("p99.png", START + timedelta(hours=1, minutes=30))
        make_all(made)
        context.repository.rollback(address, old.version)

    assert f"{old.version} of {HOUR}, pinned" in stopped(made, "listing of p99.png")


def test_a_listing_of_this_hour_and_one_from_before_the_timeline_have_no_window(
    made: Shop,
) -> None:
    made.list_photo("p98.png", datetime.now(UTC))
    made.list_photo("p97.png", datetime(2025, 12, 31, tzinfo=UTC))

    assert "is not over: found after" in stopped(made, "listing of p98.png")
    assert "it is from before the timeline's start" in stopped(made, "listing of p97.png")


def test_a_listing_whose_time_cannot_be_read_is_not_said_to_be_missing(made: Shop) -> None:
    made.list_photo("p98.png", START)
    made.list_photo("p97.png", START)
    with sqlite3.connect(made.settings.state / "catalogue.db") as database:
        change = "UPDATE listings SET listed_at = ? WHERE id = ?"
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute(change, ("soon", "listing of p97.png"))
        database.execute(change, ("", "listing of p98.png"))
    database.close()

    assert stopped(made, "listing of p97.png") == "catalogue: its time can't be read: 'soon'"
    assert stopped(made, "listing of p98.png") == "catalogue: its time can't be read: ''"


def test_an_erased_listing_is_said_to_be_erased(made: Shop) -> None:
    Erasure(made.settings, PHOTO, ErasureOptions()).run()

    assert stopped(made).startswith("catalogue: it was erased 20")


def test_a_photo_given_as_a_file_is_compared_with_what_was_indexed(made: Shop) -> None:
    announce(made, DAY)
    own = (made.root / "photos" / PHOTO).read_bytes()

    [same] = explain(made.settings, PHOTO, own).photos
    [other] = explain(made.settings, PHOTO, b"other bytes").photos

    assert same.agrees
    assert disagreement(other)[0] == "given photo"


def test_the_command_prints_the_trail_and_fails_if_it_is_broken(
    made: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    imaged(announce(made, DAY), made)
    with pytest.raises(SystemExit) as ended:
        main(["explain", PHOTO, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert not ended.value.code
    assert told["photos"][0]["served"]

    (made.root / "photos" / PHOTO).unlink()
    with pytest.raises(SystemExit) as ended:
        main(["explain", PHOTO])
    out = capsys.readouterr().out
    assert ended.value.code == 1
    assert f"photo {PHOTO}: served" in out
    assert "✗ source photo" in out


def test_an_id_that_is_no_utf_8_is_an_unknown_one(
    made: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["explain", "\udcff.jpg", "--json"])

    assert ended.value.code == 1
    told = json.loads(capsys.readouterr().out)
    assert told["listing_id"] == "\\udcff.jpg"
    assert told["stopped"] == "catalogue: no listing has this id"


def test_it_needs_no_dagster(made: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    announce(made, DAY)
    loaded = {name for name in sys.modules if name.partition(".")[0] == "dagster"}
    for name in loaded:
        monkeypatch.setitem(sys.modules, name, None)

    assert trail(made).agrees


@pytest.mark.parametrize("status", ["active", None])
def test_a_listing_that_may_not_be_shown_is_said_to_be_hidden(
    made: Shop, capsys: pytest.CaptureFixture[str], status: str | None
) -> None:
    announce(made, DAY)
    assert explain(made.settings, PHOTO).hidden is None
    made.configure(database_url=f"sqlite:///{made.root}/shop.db")
    source = made.root / ".photosearch" / "catalogue.db"
    with sqlite3.connect(source) as ours, sqlite3.connect(made.root / "shop.db") as shop:
        shop.execute("CREATE TABLE listings (id, title, price, category, status, listed_at)")
        shop.execute("CREATE TABLE photos (id, listing_id, path)")
        columns = "id, title, 'free', category, ?, listed_at"
        rows = ours.execute(f"SELECT {columns} FROM listings", (status,))
        shop.executemany("INSERT INTO listings VALUES (?, ?, ?, ?, ?, ?)", rows)
        rows = ours.execute("SELECT id, listing_id, path FROM photos")
        shop.executemany("INSERT INTO photos VALUES (?, ?, ?)", rows)

    with pytest.raises(SystemExit) as ended:
        main(["explain", PHOTO])

    out = capsys.readouterr().out
    its = "it has no status" if status is None else "its status is 'active'"
    assert f"listing {PHOTO}: {status or 'no status'}, listed" in out
    assert f"  hidden: {its}, live_status is 'live'\n" in out
    assert f"photo {PHOTO}: served" in out
    assert not ended.value.code
