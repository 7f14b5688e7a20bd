"""The one form of our errors, which programs read and people see."""

import copy
import pickle

import pytest

from photosearch.errors import PhotosearchError
from photosearch.repository.errors import DamagedArtifact
from photosearch.windows import WindowError


def test_an_error_reads_what_was_found_which_limit_and_what_to_do() -> None:
    error = PhotosearchError(
        "photo 'a.jpg' is too large",
        found="61 megapixels",
        limit="50",
        remedy="raise max_megapixels",
    )

    assert str(error) == (
        "photo 'a.jpg' is too large: found 61 megapixels, the limit is 50; raise max_megapixels"
    )
    assert str(PhotosearchError("the catalogue is empty")) == "the catalogue is empty"


@pytest.mark.parametrize("kind", [PhotosearchError, WindowError, DamagedArtifact])
def test_an_error_crosses_processes_whole(kind: type[PhotosearchError]) -> None:
    error = kind("what", found="found", limit=None, remedy="remedy")

    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert (twin.what, twin.found, twin.limit, twin.remedy) == error.args
