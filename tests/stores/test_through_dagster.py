"""Photos in S3 and models in GCS: made by Dagster, answered by an index server."""

import importlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from dagster_gcp.gcs.compute_log_manager import GCSComputeLogManager

from index_grpc.server.announcement import read_announcement
from index_grpc.server.client import is_serving_once, search_once
from index_grpc.serving.serving import Serving
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.object_store import StoreUnreachable, open_object_store
from photosearch.processes.spec import photosearch_argv
from photosearch.repository.addresses import Kind
from photosearch.repository.readiness import ready_indexes
from photosearch.windows import Window
from photosearch_assets.instance.home import open_instance
from photosearch_assets.instance.step_logs import tell_google
from photosearch_assets.steps.context import StepContext
from tests.assets.conftest import START, Shop, draw, shop
from tests.assets.test_materialize import materialize_all
from tests.stores.buckets import Bucket, StoreServer

__all__ = ["shop"]
DAY = Window.parse("daily/2026-01-01")
PHOTOS = 6


@pytest.fixture
def photos(s3: StoreServer) -> Bucket:
    s3.front.requests.clear()
    return s3.bucket()


@pytest.fixture
def models(gcs: StoreServer) -> Bucket:
    return gcs.bucket()


@pytest.fixture
def cloud_shop(
    shop: Shop, photos: Bucket, models: Bucket, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    """The shop with its photos in one cloud and its models in the other."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    s3_options = {"s3_endpoint": photos.front.url, "s3_region": "us-east-1"}
    configure(shop, photos, models, **s3_options)
    store = open_object_store(shop.settings.image_store_url, shop.settings)
    listings, pictured = [], []
    for number in range(PHOTOS):
        name = f"p{number}.png"
        at = START + timedelta(hours=number % 3, minutes=number)
        draw(shop.root / name, seed=number)
        store.put(name, shop.root / name)
        pictured.append(Photo(name, name, name, at))
        listings.append(Listing(name, name, 1.0, "things", "live", at, (name,)))
    with Catalogue.open(shop.settings) as catalogue:
        catalogue.create_tables()
        catalogue.write(listings, pictured)
    photos.front.requests.clear()
    yield shop
    os.environ.pop("STORAGE_EMULATOR_HOST", None)


def configure(shop: Shop, photos: Bucket, models: Bucket, **more: object) -> None:
    shop.configure(
        **{
            "photos_url": f"{photos.url}/photos",
            "models_url": f"{models.url}/models",
            "gcs_endpoint": models.front.url,
            **more,
        }
    )


@pytest.fixture(autouse=True)
def google_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    # A token as Google's tools would fetch one; the server takes any.
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "tests")


def test_photos_in_s3_become_an_index_in_gcs_that_a_server_answers_from(
    cloud_shop: Shop, photos: Bucket, models: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", models.front.url)
    with open_instance(cloud_shop.settings) as instance:
        summary = materialize_all(cloud_shop, instance)

        assert summary.failed_runs == []
        assert summary.results["daily_index", DAY].rows == PHOTOS
        assert photos.front.count("GET", ".png") == PHOTOS
        assert isinstance(instance.compute_log_manager, GCSComputeLogManager)
        assert_step_logs_are_in(models, cloud_shop, instance)
    assert not (cloud_shop.settings.state / "repository").exists()

    # Indexed again from nothing but the cache: no object is read.
    store = open_object_store(cloud_shop.settings.repository_url, cloud_shop.settings)
    store.delete([meta["path"] for chunk in store.list() for meta in chunk])
    shutil.rmtree(cloud_shop.settings.artifacts_dir)
    photos.front.requests.clear()
    with open_instance(cloud_shop.settings) as instance:
        summary = materialize_all(cloud_shop, instance)
    assert summary.results["daily_index", DAY].done
    assert photos.front.count("GET", ".png") == photos.front.count("HEAD") == 0

    # A machine that has no copies yet serves it.
    shutil.rmtree(cloud_shop.settings.artifacts_dir)
    assert answers_of_a_server(cloud_shop)[0] == "p2.png"


def assert_step_logs_are_in(models: Bucket, shop: Shop, instance: dg.DagsterInstance) -> None:
    (run, *_) = instance.get_run_records(limit=1)
    store = open_object_store(f"{models.url}/models/logs", shop.settings)
    paths = [meta["path"] for chunk in store.list() for meta in chunk]
    assert any(run.dagster_run.run_id in path for path in paths)


def answers_of_a_server(shop: Shop) -> list[str]:
    """Photos that an index server of the day finds for the vector of p2.png, best first."""
    settings = shop.settings
    with StepContext(settings) as context:
        fingerprint = context.fingerprint
        ready = ready_indexes(context.repository, fingerprint)
        hour = Window.parse("hourly/2026-01-01T02")
        folder = context.shelf(Kind.EMBEDDINGS).folder(
            context.repository.current(context.shelf(Kind.EMBEDDINGS).address(hour))  # type: ignore[arg-type]
        )
        vectors = np.load(folder / "vectors.npy")
    serving = Serving.of([(DAY, ready[DAY].version)], fingerprint=fingerprint, quantiser=None)
    file = shop.root / "served" / "serving.json"
    file.parent.mkdir()
    file.write_text(serving.model_dump_json())
    server = subprocess.Popen(
        photosearch_argv("index-server", "--serving", str(file)), env=settings.environment()
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            announced = read_announcement(file.parent)
            if announced is not None and is_serving_once(announced.address):
                break
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        answer = search_once(announced.address, vectors[0], 3, fingerprint=fingerprint)
        return [hit.photo_id for hit in answer.hits]
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.parametrize("which", ["photos_url", "models_url"])
def test_a_bucket_that_is_not_there_ends_materialize_before_any_work(
    cloud_shop: Shop, photos: Bucket, models: Bucket, which: str
) -> None:
    with open_instance(cloud_shop.settings) as instance:
        scheme = "s3" if which == "photos_url" else "gs"
        s3_options = {"s3_endpoint": photos.front.url, "s3_region": "us-east-1"}
        missing = {which: f"{scheme}://no-such-bucket/x"}
        configure(cloud_shop, photos, models, **s3_options, **missing)

        with pytest.raises(StoreUnreachable, match="no bucket no-such-bucket"):
            materialize_all(cloud_shop, instance)

        assert instance.get_run_records() == []


def test_dagster_shows_the_stores_and_gives_steps_clients_of_both(
    cloud_shop: Shop, photos: Bucket, models: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    from photosearch_assets.resources import Stores, resources_of

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", models.front.url)
    resources = resources_of(cloud_shop.settings)

    assert set(resources) == {"stores", "s3", "gcs"}
    listed = resources["s3"].get_client().list_objects_v2(Bucket=photos.name)
    assert listed["KeyCount"] == PHOTOS
    assert resources["gcs"].get_client().bucket(models.name).exists()
    assert Stores(models_url="gs://other").settings().repository_url == "gs://other"
    assert Stores().settings().model_dump() == cloud_shop.settings.model_dump()


@pytest.mark.parametrize("anonymous", [True, False])
def test_googles_own_client_asks_the_endpoint_of_the_settings(
    models: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anonymous: bool
) -> None:
    storage: Any = importlib.import_module("google.cloud.storage")
    credentials: Any = importlib.import_module("google.auth.credentials")
    # Set first, so that what is set below goes at the end.
    for name in ("STORAGE_EMULATOR_HOST", "API_ENDPOINT_OVERRIDE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    tell_google(models.settings(tmp_path, anonymous_stores=anonymous))
    nobody = None if anonymous else credentials.AnonymousCredentials()
    client = storage.Client("shop", nobody)

    client.bucket(models.name).blob("step.out").upload_from_string("hello")

    store = open_object_store(models.url, models.settings(tmp_path))
    assert bytes(store.get("step.out").bytes()) == b"hello"


def test_a_folder_needs_no_client_of_a_cloud(shop: Shop) -> None:
    from photosearch_assets.resources import resources_of

    assert set(resources_of(shop.settings)) == {"stores"}


def test_step_logs_of_a_repository_in_s3_lie_beside_it(shop: Shop, photos: Bucket) -> None:
    from dagster_aws.s3.compute_log_manager import S3ComputeLogManager

    shop.configure(models_url=f"{photos.url}/models", **photos.options())

    with open_instance(shop.settings) as instance:
        assert isinstance(instance.compute_log_manager, S3ComputeLogManager)
    # In a process of its own: under pytest Dagster captures nothing.
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    command = [sys.executable, "-c", _PRINTS]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)

    store = open_object_store(f"{photos.url}/models/logs", shop.settings)
    assert bytes(store.get("storage/run/step.out").bytes()) == b"hello\n"


_PRINTS = """
import signal
from photosearch.settings.settings import load_settings
from photosearch_assets.instance.home import open_instance

# Dagster ends its followers of the log by it; a shell's background jobs may ignore it.
signal.signal(signal.SIGTERM, signal.SIG_DFL)
with open_instance(load_settings()) as instance:
    with instance.compute_log_manager.capture_logs(["run", "step"]):
        print("hello", flush=True)
"""


def test_step_logs_of_a_repository_in_a_folder_stay_in_dagsters_home(shop: Shop) -> None:
    with open_instance(shop.settings) as instance:
        manager = type(instance.compute_log_manager).__name__

    assert manager == "LogsInHome"
