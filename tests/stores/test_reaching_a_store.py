"""What is wrong with a bucket is said before any work starts."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from photosearch.images.photo_error import ImageStoreError
from photosearch.images.store import ImageStore
from photosearch.object_store import StoreUnreachable, open_object_store, require_reachable
from photosearch.repository.errors import StorageError
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings
from photosearch_assets.steps.context import StepContext
from tests.repository.artifacts import HOUR
from tests.stores.buckets import Bucket, StoreServer
from tests.stores.front import Fault, works


def test_a_bucket_that_is_there_is_reached(bucket: Bucket, tmp_path: Path) -> None:
    require_reachable(f"{bucket.url}/any/prefix", bucket.settings(tmp_path), "the repository")
    require_reachable(tmp_path.as_uri(), Settings(), "the repository")


def test_a_bucket_that_does_not_exist_is_named(bucket: Bucket, tmp_path: Path) -> None:
    url = f"{bucket.server.scheme}://no-such-bucket/models"
    settings = bucket.settings(tmp_path, models_url=url)

    with pytest.raises(StoreUnreachable, match="no bucket no-such-bucket") as refusal:
        require_reachable(url, settings, "the model repository")
    assert "the model repository" in refusal.value.what
    assert "make the bucket" in (refusal.value.remedy or "")
    with pytest.raises(StorageError, match="no bucket no-such-bucket"):
        Repository.of(settings).storage.replace("embedders/HEAD", b"x", None)
    with pytest.raises(StorageError, match="no bucket no-such-bucket"):
        Repository.of(settings).storage.files("windows")


def test_a_bucket_that_refuses_says_which_credentials_it_wants(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.front.script = lambda _request: Fault.FORBIDDEN
    settings = bucket.settings(tmp_path, models_url=bucket.url)

    with pytest.raises(StoreUnreachable, match="the store refuses") as refusal:
        require_reachable(bucket.url, settings, "the model repository")
    assert "credentials" in (refusal.value.remedy or "")
    with pytest.raises(StorageError, match="the store refuses"):
        Repository.of(settings).head(HOUR)


def test_a_bucket_that_may_only_be_read_is_said_before_a_step_works(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.front.script = lambda request: Fault.FORBIDDEN if request.writes else None
    settings = bucket.settings(tmp_path, models_url=bucket.url)

    refused = pytest.raises(StorageError, match=r"could not be written.*the store refuses")
    with refused, StepContext(settings):
        raise AssertionError("the step began")


def test_a_server_that_is_not_there_is_said_soon(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:1"
    settings = Settings(
        base_dir=tmp_path, s3_endpoint=nowhere, gcs_endpoint=nowhere, anonymous_stores=True
    )

    for url in ("s3://bucket", "gs://bucket"):
        with pytest.raises(StoreUnreachable, match="can't be reached") as refusal:
            require_reachable(url, settings, "the image store")
        assert "endpoint" in (refusal.value.remedy or "")


@pytest.mark.parametrize("url", ["s3://", "gs:///x", "shop://bucket"])
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(StoreUnreachable, match="can't be opened"):
        open_object_store(url, Settings())
    with pytest.raises(ImageStoreError, match="can't be opened"):
        ImageStore.open(url)


@pytest.fixture
def aws_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``~/.aws``, and nothing of AWS in the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    return tmp_path / ".aws"


@pytest.mark.parametrize("name", ["credentials", "config"])
def test_a_profile_of_aws_signs_requests(s3: StoreServer, aws_folder: Path, name: str) -> None:
    bucket = s3.bucket()
    s3.front.script = works
    keys = "[default]\naws_access_key_id = AKIASHOP\naws_secret_access_key = secret\n"
    (aws_folder / name).write_text(keys)

    require_reachable(bucket.url, bucket.settings(aws_folder), "the image store")

    assert "Credential=AKIASHOP/" in s3.front.requests[-1].headers["authorization"]


@pytest.mark.parametrize(
    ("profile", "text", "told"),
    [
        ("nobody", "[default]\n", r"found The config profile \(nobody\)"),
        (None, "[default]\nregion = us-east-1\n", "found none"),
        (None, "no configuration", "found Unable to parse config file"),
    ],
)
def test_a_profile_of_aws_without_credentials_is_told(
    aws_folder: Path, monkeypatch: pytest.MonkeyPatch, profile: str | None, text: str, told: str
) -> None:
    (aws_folder / "config").write_text(text)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    if profile is not None:
        monkeypatch.setenv("AWS_PROFILE", profile)

    with pytest.raises(StoreUnreachable, match=f"{told}.*give AWS credentials"):
        open_object_store("s3://bucket", Settings())


def test_a_profile_of_aws_is_not_read_without_boto3(
    aws_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosearch.object_store.find_spec", lambda _: None)
    (aws_folder / "config").write_text("[default]\nregion = us-east-1\n")
    open_object_store("s3://bucket", Settings())  # it may be for others: none need boto3 for it

    monkeypatch.setenv("AWS_PROFILE", "shop")
    with pytest.raises(StoreUnreachable, match=r"without boto3; .*extra 'cloud'"):
        open_object_store("s3://bucket", Settings())


def test_a_large_object_on_a_slow_line_takes_its_time(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosearch.object_store._SILENCE", timedelta(seconds=1))
    store = open_object_store(bucket.url, bucket.settings(tmp_path))
    store.put("model", b"weights" * 1000)
    bucket.front.requests.clear()
    bucket.front.pause_s = 0.25  # 2.5 s for all of it, and never silent for one

    found = bytes(store.get("model").bytes())

    assert found == b"weights" * 1000
    assert bucket.front.count("GET") == 1


def test_photos_in_a_bucket_are_read_and_missing_ones_named(bucket: Bucket, tmp_path: Path) -> None:
    settings = bucket.settings(tmp_path, photos_url=f"{bucket.url}/photos")
    name = "shoes/b c#1 ä%20[x]?.jpg"
    open_object_store(settings.image_store_url, settings).put(name, b"photo")

    store = ImageStore.of(settings)

    assert store.read(name) == b"photo"
    with pytest.raises(Exception, match=r"photo 'none\.jpg' is missing"):
        store.read("none.jpg")
