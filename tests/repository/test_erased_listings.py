"""What queries know of erased listings while the store is slow, or gone."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from photosearch.repository.erasures import FOLDER, RECEIPT, ErasedListings
from photosearch.repository.errors import StorageError
from photosearch.repository.storage.folder import FolderStorage


class Moody(FolderStorage):
    """A folder that can be told to hang, or to refuse."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.answers = threading.Event()
        self.answers.set()
        self.fault: StorageError | None = None

    def list_each(self, folder: str, tails: Any) -> Any:
        assert self.answers.wait(20)
        if self.fault is not None:
            raise self.fault
        return super().list_each(folder, tails)


@pytest.fixture
def storage(tmp_path: Path) -> Moody:
    return Moody(tmp_path)


def erase(storage: Moody, name: str) -> None:
    storage.replace(f"{FOLDER}/{name}/{RECEIPT}", b"{}", None)


def soon(erased: ErasedListings, wanted: set[str]) -> None:
    limit = time.monotonic() + 10
    while erased.known(0.01) != wanted:
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_a_query_soon_knows_what_was_erased_and_a_step_at_once(storage: Moody) -> None:
    erased = ErasedListings(storage)
    assert erased.known(0.01) == set()
    erase(storage, "first")

    soon(erased, {"first"})
    erase(storage, "second")
    assert erased.known() == {"first", "second"}


def test_no_query_waits_for_a_store_that_hangs(storage: Moody) -> None:
    erased = ErasedListings(storage)
    erase(storage, "first")
    erased.known()
    storage.answers.clear()
    time.sleep(0.02)

    started = [erased.known(0.01) for _ in range(100)]  # a reading hangs beside
    storage.answers.set()

    assert started == [{"first"}] * 100


def test_queries_go_on_by_what_was_read_last_when_the_store_is_gone(storage: Moody) -> None:
    erased = ErasedListings(storage)
    erase(storage, "first")
    erased.known()
    storage.fault = StorageError("the store is gone")

    for _ in range(5):
        time.sleep(0.02)
        assert erased.known(0.01) == {"first"}
    with pytest.raises(StorageError):
        erased.known()  # a step must not go on by what may be old
    storage.fault = None
    erase(storage, "second")
    soon(erased, {"first", "second"})


def test_without_any_reading_a_query_does_not_guess(storage: Moody) -> None:
    storage.fault = StorageError("the store is gone")

    with pytest.raises(StorageError):
        ErasedListings(storage).known(2.0)
