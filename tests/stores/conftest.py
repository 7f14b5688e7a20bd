"""Buckets of each protocol, and a repository in each."""

from pathlib import Path

import pytest

from tests.stores.bucket_shelf import BucketShelf
from tests.stores.buckets import Bucket
from tests.stores.fixtures import bucket, gcs, s3

__all__ = ["bucket", "gcs", "s3"]


@pytest.fixture
def shelf(bucket: Bucket, tmp_path: Path) -> BucketShelf:
    return BucketShelf(bucket, tmp_path / "work")
