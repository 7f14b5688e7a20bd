"""A repository of each test's own: in a folder, and in a bucket of each protocol.

What holds for one holds for all, so that each test that asks for ``shelf`` runs three times.
Tests of what only a folder has (locks, a full disk, the system's calls) ask for
``folder_shelf``.
"""

from pathlib import Path

import pytest

from tests.repository.artifacts import Shelf
from tests.stores.bucket_shelf import BucketShelf
from tests.stores.fixtures import gcs, new_bucket, s3

__all__ = ["gcs", "s3"]


@pytest.fixture(params=["folder", "s3", "gs"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    if request.param == "folder":
        return Shelf(tmp_path / "repository", tmp_path / "work")
    return BucketShelf(new_bucket(request, request.param), tmp_path / "work")


@pytest.fixture
def folder_shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "repository", tmp_path / "work")
