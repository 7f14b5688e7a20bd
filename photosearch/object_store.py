"""A store of objects by its URL: ``file://``, ``s3://`` or ``gs://``.

One client (obstore) for photos and artifacts, so that endpoints, credentials and retries mean
the same for both. Credentials come the way each cloud's own tools take them: the environment,
a profile or a key file, the identity of the machine or pod. None is ever a setting of ours.

obstore tries again by itself on 429, 5xx, resets and dropped connections, with growing,
random pauses. Whoever writes under a condition must know that a first try may have succeeded
unheard; see :mod:`photosearch.repository.storage.bucket`.
"""

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import GCSStore, LocalStore, ObjectStore, S3Store, from_url

from photosearch.errors import PhotosearchError
from photosearch.settings.home import looked_up
from photosearch.settings.settings import Settings
from photosearch.terminal.masked import masked, masked_text
from photosearch.without_user import require_no_user

RETRIES = 8
#: Without a byte for so long a store hangs; a part of an upload (5 MB) has so long as a whole.
_SILENCE = timedelta(seconds=60)
#: A month's index takes minutes on a slow line: obstore's limits on a whole request, and on how
#: long after its start a transfer that broke off is taken up again, are out of the way.
_LONGEST = timedelta(hours=6)
_PROBE_RETRIES = 2
_PROBE = "photosearch-reachable"


class StoreUnreachable(PhotosearchError):
    """A store that does not exist, refuses, or does not answer."""


def open_object_store(url: str, settings: Settings, *, retries: int = RETRIES) -> ObjectStore:
    """The store at ``url``, whose paths count from the URL's; nothing is asked of it yet.

    Raises:
        StoreUnreachable: if the URL is of no known kind, or names no bucket.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)))
    options: dict[str, Any] = {
        "prefix": unquote(parts.path).strip("/") or None,
        "client_options": {"timeout": _LONGEST, "read_timeout": _SILENCE, "allow_http": True},
        "retry_config": {
            "max_retries": retries,
            "retry_timeout": _LONGEST,
            "backoff": {
                "init_backoff": timedelta(seconds=0.1),
                "max_backoff": timedelta(seconds=10),
            },
        },
    }
    if parts.scheme in ("s3", "gs"):
        require_no_user("the URL of a store", url)
        require_no_user("s3_endpoint", settings.s3_endpoint)
        require_no_user("gcs_endpoint", settings.gcs_endpoint)
    try:
        if parts.scheme in ("s3", "gs") and not parts.netloc:
            raise ValueError("no bucket in it")
        if parts.scheme == "s3":
            return S3Store(parts.netloc, **options, **_s3(settings))
        if parts.scheme == "gs":
            return GCSStore(parts.netloc, **options, **_gcs(settings))
        del options["prefix"]
        return from_url(url, **options)
    except (BaseError, ValueError, TypeError) as error:
        raise StoreUnreachable(
            f"the store {masked(url)} can't be opened",
            found=first_line(error),
            remedy="give a folder, or a file://, s3:// or gs:// URL",
        ) from error


def require_reachable(url: str, settings: Settings, what: str) -> None:
    """Ask the store for one listing; ``what`` lies there, for the error.

    Raises:
        StoreUnreachable: if there is no such bucket, it refuses, or nobody answers.
    """
    if not is_bucket(url):
        return
    store = open_object_store(url, settings, retries=_PROBE_RETRIES)
    try:
        next(iter(obstore.list(store, _PROBE, chunk_size=1)), None)
    except (BaseError, OSError) as error:
        raise unreachable(url, what, error) from error


def require_stores(settings: Settings, *, photos: bool = True) -> None:
    """The model repository, and the image store if ``photos``; folders are not asked.

    Raises:
        StoreUnreachable: if one of them does not exist, refuses, or does not answer.
    """
    require_reachable(settings.repository_url, settings, "the model repository")
    if photos and settings.photos_url is not None:
        require_reachable(settings.image_store_url, settings, "the image store")


def schemes_of(settings: Settings) -> set[str]:
    """The schemes of the stores' URLs."""
    photos = [] if settings.photos_url is None else [settings.image_store_url]
    return {urlsplit(url).scheme for url in (settings.repository_url, *photos)}


def unreachable(url: str, what: str, error: Exception) -> StoreUnreachable:
    """What ``error`` means for whoever wanted ``what`` from the store at ``url``."""
    parts, url = urlsplit(url), masked(url)
    text = str(error)
    # A listing's 404 comes without its kind.
    if isinstance(error, FileNotFoundError) or "404 Not Found" in text:
        return StoreUnreachable(
            f"{what} {url} can't be used",
            found=f"no bucket {parts.netloc}",
            remedy="make the bucket, or correct the URL",
        )
    if (
        isinstance(error, PermissionError | PermissionDeniedError | UnauthenticatedError)
        or "403 Forbidden" in text
        or "401 Unauthorized" in text
    ):
        return StoreUnreachable(
            f"{what} {url} can't be used: the store refuses",
            found=first_line(error),
            remedy=_CREDENTIALS.get(parts.scheme, "let this user in"),
        )
    return StoreUnreachable(
        f"{what} {url} can't be reached",
        found=first_line(error),
        remedy="see to the network and to s3_endpoint or gcs_endpoint, then run this again",
    )


def keeps_deleted(url: str, meta: Mapping[str, object]) -> str | None:
    """What a bucket keeps of an object that was deleted, by what it said of it; none: nothing.

    S3 gives an object's version only where versions are kept, or were. GCS always gives one, and
    does not tell of its soft delete, which new buckets have, to who asks for objects.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3" and meta.get("version") is not None:
        return (
            f"the bucket {parts.netloc} keeps versions: what was deleted stays there as a former "
            "version, until a lifecycle rule or somebody with the bucket's own tools deletes it"
        )
    if parts.scheme == "gs":
        return (
            f"the bucket {parts.netloc} may keep what was deleted: by its soft delete (seven days "
            "unless that was changed), object versioning or a hold; see to it with gcloud"
        )
    return None


def kept_by_bucket(url: str, settings: Settings) -> str | None:
    """What the bucket at ``url`` keeps of deleted objects, by what it says of any that is there.

    Raises:
        StoreUnreachable: if it does not answer.
    """
    if not is_bucket(url):
        return None
    try:
        for page in obstore.list(open_object_store(url, settings), chunk_size=1):
            for listed in page:
                meta = obstore.head(open_object_store(url, settings), listed["path"])
                return keeps_deleted(url, meta)
    except FileNotFoundError:
        return None
    except (BaseError, OSError) as error:
        raise unreachable(url, "the bucket", error) from error
    return None


def is_bucket(url: str) -> bool:
    """Whether ``url`` leads to a bucket of S3 or GCS."""
    return urlsplit(url).scheme in ("s3", "gs")


def first_line(error: Exception) -> str:
    """An error's message without obstore's structure dump, its URLs masked."""
    return masked_text(error).partition("\n")[0] or type(error).__name__


def _s3(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if settings.s3_endpoint is not None:
        options["endpoint"] = settings.s3_endpoint
    if settings.s3_region is not None:
        options["region"] = settings.s3_region
    if settings.anonymous_stores:
        options["skip_signature"] = True
    elif _has_aws_profile():
        options["credential_provider"] = _profile_credentials()
    return options


def _has_aws_profile() -> bool:
    if "AWS_ACCESS_KEY_ID" in os.environ:
        return False
    keys = os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    if "AWS_PROFILE" in os.environ or _is_there(keys):
        return True
    # Sign-in by SSO, a role or a program; or a region alone, for which none need install boto3.
    file = os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")
    return _is_there(file) and find_spec("boto3") is not None


def _is_there(path: str) -> bool:
    file = looked_up(path)
    return file is not None and file.exists()


def _profile_credentials() -> Any:
    """What boto3 finds: obstore knows the environment and the machine's identity only."""
    if find_spec("boto3") is None:
        raise StoreUnreachable(
            "a profile of AWS can't be read without boto3",
            remedy="install photosearch with its extra 'cloud', or set AWS_ACCESS_KEY_ID",
        )
    from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        return Boto3CredentialProvider()
    except (BotoCoreError, ValueError) as error:  # ValueError: boto3 found none
        found = first_line(error) if isinstance(error, BotoCoreError) else "none"
        raise StoreUnreachable(
            "the AWS credentials can't be read", found=found, remedy=_CREDENTIALS["s3"]
        ) from error


def _gcs(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if settings.gcs_endpoint is not None:
        options["base_url"] = settings.gcs_endpoint
    if settings.anonymous_stores:
        # skip_signature still asks for a token before a write; this does not.
        options["service_account_key"] = json.dumps(
            {
                "disable_oauth": True,
                "client_email": "",
                "private_key": "",
                "private_key_id": "",
                "gcs_base_url": settings.gcs_endpoint or "https://storage.googleapis.com",
            }
        )
    return options


_CREDENTIALS = {
    "s3": "give AWS credentials that may use it (AWS_ACCESS_KEY_ID, AWS_PROFILE or a role)",
    "gs": "give Google credentials that may use it (GOOGLE_APPLICATION_CREDENTIALS, "
    "or a service account of the machine)",
}
