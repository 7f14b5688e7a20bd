"""A repository of each test's own."""

from pathlib import Path

import pytest

from tests.repository.artifacts import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "repository", tmp_path / "work")
