"""No answer tells a stranger where anything lies, whatever fails; the log tells the operator."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.problems.public import without_places
from index_grpc.serving.desk import RefusedIndex
from index_grpc.serving.opening import open_desk
from photosearch.settings.settings import Settings, load_settings
from tests.api.served import serving
from tests.api.shop import Servers, Shop

Break = Callable[[Settings, Path], Settings]
SECRETS = ["hidden-bucket", "127.0.0.1:9", "db.internal", "hunter2", "secret place", "Traceback"]
LISTING = "lamps/item 13"


def garbage_database(settings: Settings, folder: Path) -> Settings:
    (folder / "shop.db").write_bytes(b"this is no database " * 1000)
    return settings.model_copy(update={"database_url": f"sqlite:///{folder}/shop.db"})


def no_tables(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(update={"database_url": f"sqlite:///{folder}/empty.db"})


def unreachable_database(settings: Settings, folder: Path) -> Settings:
    url = "postgresql://shop:hunter2@127.0.0.1:9/db.internal"
    return settings.model_copy(update={"database_url": url})


def no_photos(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(update={"photos_url": f"{folder}/photos"})


def photos_gone(settings: Settings, folder: Path) -> Settings:
    (folder / "photos").mkdir()
    return no_photos(settings, folder)


def unreadable_photos(settings: Settings, folder: Path) -> Settings:
    for photo in (f"{LISTING}.jpg",):
        (folder / "photos" / photo).mkdir(parents=True)
    return no_photos(settings, folder)


def unreachable_bucket(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(
        update={
            "photos_url": "s3://hidden-bucket/photos",
            "s3_endpoint": "http://127.0.0.1:9",
            "anonymous_stores": True,
        }
    )


def damaged_models(settings: Settings, folder: Path) -> Settings:
    shutil.copytree(settings.state / "repository", folder / "models")
    changed = settings.model_copy(update={"models_url": f"{folder}/models"})
    for model in (folder / "models").rglob("model.onnx"):
        model.write_bytes(b"no model")
    return changed


def unreachable_models(settings: Settings, folder: Path) -> Settings:
    changed = unreachable_bucket(settings, folder)
    return changed.model_copy(
        update={"models_url": "s3://hidden-bucket/models", "photos_url": settings.photos_url}
    )


def dead_servers(settings: Settings, folder: Path) -> Settings:
    return settings  # the test kills them


def refused_index(settings: Settings, folder: Path) -> Settings:
    changed = settings.model_copy(update={"state_dir": folder / "state"})
    shutil.copytree(settings.state, changed.state)
    open_desk(changed).tell_crashing([])  # what other tests told of in the same shop
    open_desk(changed).tell_refused("builder", [])
    now = datetime.now(UTC)
    refused = RefusedIndex(
        window="daily/2026-11-02",
        version="v2",
        reason=f"{changed.state}/images/x.npy of s3://hidden-bucket/x is cut off (127.0.0.1:9)",
        retry_at=now + timedelta(hours=1),
    )
    open_desk(changed).tell_refused("deployer", [refused])
    return changed


BREAKS: list[Break] = [
    garbage_database,
    no_tables,
    unreachable_database,
    no_photos,
    photos_gone,
    unreadable_photos,
    unreachable_bucket,
    damaged_models,
    unreachable_models,
    dead_servers,
]


def everything_asked(api: httpx.Client, shop: Shop) -> list[httpx.Response]:
    """An answer of each route, and each way to search."""
    vector = shop.vectors[f"{LISTING}.jpg"].tolist()
    photo = shop.photo_bytes(f"{LISTING}.jpg")
    return [
        *(api.get(path) for path in ("/", "/healthz", "/readyz", "/v1/windows", "/v1/samples")),
        api.get("/v1/listings/lamps/item%2013"),
        api.get("/v1/photos/lamps/item%2013.jpg"),
        api.get("/v1/photos/lamps/item%2013.jpg?size=64"),
        api.post("/v1/search", json={"listing_id": LISTING}),
        api.post("/v1/search", json={"vector": vector}),
        api.post("/v1/search", json={"vector": vector, "on_partial": "fail"}),
        api.post("/v1/search", files={"photo": photo}),
    ]


@contextmanager
def broken(breaks: Break, shop: Shop, servers: Servers, folder: Path) -> Iterator[httpx.Client]:
    names = servers.serve_all()
    settings = breaks(shop.settings.model_copy(update={"deadline_s": 2.0}), folder)
    with serving(settings, servers.watch()) as api:
        if breaks is dead_servers:
            for name in names:
                servers.kill(name)
        yield api


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda one: one.__name__)
def test_no_answer_tells_where_anything_lies(
    breaks: Break,
    shop: Shop,
    servers: Servers,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = tmp_path / "secret place"
    folder.mkdir()
    addresses = []

    with broken(breaks, shop, servers, folder) as api:
        addresses = [one.name for one in servers.endpoints.iterdir()]
        answers = everything_asked(api, shop)

    failed = [one for one in answers if one.status_code >= 400]
    assert failed, "nothing failed: the test breaks nothing"
    assert addresses
    places = [*SECRETS, str(shop.folder), str(tmp_path), str(Path.home())]
    for answer in answers:
        assert answer.status_code in (200, 404, 422, 503, 504), answer.text
        if answer.headers["content-type"].startswith("text/html"):
            continue
        for place in places:
            assert place not in answer.text, answer.request.url
    ours = [one for one in failed if one.status_code == 503 and "request " in one.text]
    for answer in ours:
        assert answer.headers["x-request-id"] in answer.json()["found"]
        assert f"request {answer.headers['x-request-id']}: " in caplog.text
    levels = {record.levelno for record in caplog.records if record.name.startswith("api.")}
    assert max(levels) >= logging.WARNING


def test_the_log_tells_what_the_answer_does_not(
    shop: Shop, servers: Servers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with broken(garbage_database, shop, servers, tmp_path) as api:
        answer = api.get("/v1/listings/x", headers={"X-Request-Id": "find-me"})

    assert answer.status_code == 503
    assert answer.json()["what"] == "the catalogue can't be read now"
    (record,) = [one for one in caplog.records if "request find-me: " in one.getMessage()]
    assert record.exc_info is not None
    assert "not a database" in str(record.exc_info[1])


@given(st.sampled_from(["reason {}", "{}: no such file", "'{}' is cut off; see it"]))
def test_places_are_taken_out_of_what_an_operator_wrote(text: str) -> None:
    settings = load_settings(base_dir=Path("/srv/my shop"), photos_url="s3://hidden-bucket/p")

    for place in (
        "/srv/my shop/.photosearch/images/x.tar",
        "/var/lib/photosearch/x.tar",
        "s3://hidden-bucket/p/x.tar",
        "postgresql://shop:hunter2@db.internal/x",
        "ipv4:10.1.2.3:50051",
        "[fd00::7]:50051",
    ):
        shown = without_places(text.format(place), settings)
        for part in ("srv", "shop", "var", "lib", "bucket", "hunter2", "internal", "10.1", "fd00"):
            assert part not in shown
    said = "daily/2026-11-02 version v2: vectors.npy is 1/2 of its size at 12:30"
    assert without_places(said, settings) == said


def test_what_is_not_served_is_told_without_its_places(
    shop: Shop, servers: Servers, tmp_path: Path
) -> None:
    folder = tmp_path / "secret place"
    folder.mkdir()

    with broken(refused_index, shop, servers, folder) as api:
        (trouble,) = api.get("/v1/windows").json()["troubles"]

    assert "is cut off" in trouble["reason"]
    for place in [*SECRETS, str(tmp_path)]:
        assert place not in str(trouble)
