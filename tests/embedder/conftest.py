"""An embedder of the shipped network, and pictures to embed."""

from pathlib import Path

import pytest

from photosearch.embedder.build import build_embedder
from photosearch.embedder.embedder import Embedder, open_embedder
from photosearch.settings.settings import Settings


@pytest.fixture(scope="session")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the default embedder, int8, without a projection."""
    return build_embedder(Settings(), [], 0, tmp_path_factory.mktemp("plain")).folder


@pytest.fixture(scope="session")
def embedder(plain_folder: Path) -> Embedder:
    return open_embedder(plain_folder, threads=1)
