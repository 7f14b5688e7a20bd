"""Where Dagster keeps what steps print: beside the models, if these lie in a bucket.

Dagster's own managers do it, S3's and GCS's, so that the logs of a step that ran on any
machine are read from any other. They come with the extra ``cloud``; without it, and for a
folder, logs stay in Dagster's home. This module knows Dagster's names only and not Dagster,
whose import the supervisor need not pay.
"""

import os
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from photosearch.settings.settings import Settings
from photosearch.without_user import require_no_user

UPLOAD_EVERY_S = 30
"""Step logs of a run that is not over come to the bucket so often."""


FOLDER = "logs"
"""Where they are written first, or stay; below Dagster's home."""


def compute_logs(settings: Settings) -> dict[str, Any]:
    """Dagster's configuration of step logs: in the repository's bucket if it lies in one."""
    parts = urlsplit(settings.repository_url)
    if parts.scheme in ("s3", "gs"):  # before it is written down
        require_no_user("s3_endpoint", settings.s3_endpoint)
        require_no_user("models_url", settings.models_url)
    prefix = "/".join(filter(None, (parts.path.strip("/"), "logs")))
    if parts.scheme == "s3" and find_spec("dagster_aws") is not None:
        config = {
            "bucket": parts.netloc,
            "prefix": prefix,
            "local_dir": FOLDER,
            "endpoint_url": settings.s3_endpoint,
            "region": settings.s3_region,
            "upload_interval": UPLOAD_EVERY_S,
            "skip_empty_files": True,
        }
        return {
            "module": "photosearch_assets.instance.logs_in_s3",
            "class": "LogsInS3",
            "config": {name: value for name, value in config.items() if value is not None},
        }
    if parts.scheme == "gs" and find_spec("dagster_gcp") is not None:
        return {
            "module": "photosearch_assets.instance.logs_in_gcs",
            "class": "LogsInGCS",
            "config": {
                "bucket": parts.netloc,
                "prefix": prefix,
                "local_dir": FOLDER,
                "upload_interval": UPLOAD_EVERY_S,
            },
        }
    return {
        "module": "photosearch_assets.instance.logs_in_home",
        "class": "LogsInHome",
        "config": {"base_dir": FOLDER},
    }


def tell_google(settings: Settings) -> None:
    """Lead Google's own client, which Dagster gives no endpoint, to ``gcs_endpoint``."""
    if settings.gcs_endpoint is not None:
        # The first makes it ask without credentials too.
        name = "STORAGE_EMULATOR_HOST" if settings.anonymous_stores else "API_ENDPOINT_OVERRIDE"
        os.environ.setdefault(name, settings.gcs_endpoint)
