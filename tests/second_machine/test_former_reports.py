"""Reports of release 0.1.0, which lie in the image cache, become the repository's."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from photosearch.images.report import PhotoReport
from photosearch.images.reports import PhotoReports, may_retry
from photosearch.repository.addresses import Address, Kind
from photosearch.repository.heads import Failing
from photosearch.repository.repository import Repository
from photosearch.repository.seal import sealed
from photosearch.repository.storage.folder import FolderStorage
from photosearch_assets.steps.context import StepContext
from photosearch_operations.erasure.erase import Erasure, ErasureOptions
from tests.assets.by_hand import due, run_step
from tests.assets.conftest import Shop, hours
from tests.repository.artifacts import end_of, in_process
from tests.second_machine.conftest import Machines

HOURS = hours(0, 3)


def former(shop: Shop) -> None:
    """As release 0.1.0 left it: the reports in the cache, and none in the repository."""
    repository = Repository.of(shop.settings)
    reports = PhotoReports(repository)
    for window, current in reports.heads.items():
        report = reports.read(window)
        assert report is not None
        write(shop, report, current.failing)
    shutil.rmtree(Path(repository.storage._root) / "photos")  # type: ignore[attr-defined]


def write(shop: Shop, report: PhotoReport, failing: Failing | None = None) -> Path:
    """A report as release 0.1.0 wrote it."""
    since, tried = failing or (None, None)
    document = {
        **report.model_dump(mode="json"),
        "from_cache": 0,
        "downloaded_bytes": 1,
        "failing_since": since and since.isoformat(),
        "tried_at": tried and tried.isoformat(),
    }
    path = shop.settings.cache_dir / "reports" / f"{report.window}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sealed(json.dumps(document, indent=1).encode() + b"\n"))
    return path


def left(shop: Shop) -> list[Path]:
    return [path for path in (shop.settings.cache_dir / "reports").rglob("*") if path.is_file()]


def test_an_installation_of_the_former_release_has_nothing_due(
    made: Machines,
) -> None:
    shop = made.first
    former(shop)

    assert due(shop).is_empty

    assert not (shop.settings.cache_dir / "reports").exists()
    assert due(made.second).is_empty
    assert [step.done for step in run_step(shop, "images", HOURS)] == [False] * 3


def test_whoever_is_killed_leaves_the_rest_to_the_next(made: Machines) -> None:
    shop = made.first
    former(shop)
    # Two changes of the repository for each report, and its file.
    for number in range(1, 10):
        end_of(in_process(partial(_killed_at, number, shop)))

    assert due(shop).is_empty
    assert left(shop) == []


def _killed_at(number: int, shop: Shop) -> None:
    left = number

    def dying(original: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **given: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os._exit(9)
            return original(*args, **given)

        return changed

    for owner, name in (
        (FolderStorage, "write_version"),
        (FolderStorage, "replace"),
        (Path, "unlink"),
    ):
        setattr(owner, name, dying(getattr(owner, name)))
    due(shop)


def test_two_at_once_end_as_one(made: Machines) -> None:
    shop = made.first
    former(shop)

    processes = [in_process(lambda: _take_over(shop)) for _ in range(3)]

    assert [end_of(process) for process in processes] == [0, 0, 0]
    assert due(shop).is_empty
    assert left(shop) == []
    repository = Repository.of(shop.settings)
    assert [len(repository.versions(Address.photos(hour))) for hour in HOURS] == [1, 1, 1]


def _take_over(shop: Shop) -> None:
    with StepContext(shop.settings) as context:
        assert len(context.photo_reports.heads) == 24


def test_what_the_repository_has_is_newer(made: Machines) -> None:
    """Another machine made the report anew, before this one was upgraded."""
    shop = made.second
    reports = PhotoReports(Repository.of(shop.settings))
    report = reports.read(HOURS[0])
    assert report is not None
    write(shop, report.model_copy(update={"photos": report.photos[:1]}))

    assert due(shop).is_empty

    assert PhotoReports(Repository.of(shop.settings)).read(HOURS[0]) == report
    assert left(shop) == []


def test_photos_that_could_not_be_had_are_tried_again_when_they_would_have_been(
    shop: Shop,
) -> None:
    shop.list_hours(1)
    run_step(shop, "embedder")
    (shop.root / "photos" / "p1.png").unlink()
    run_step(shop, "images", HOURS[:1])
    reports = PhotoReports(Repository.of(shop.settings))
    head = reports.seen(HOURS[0])
    assert head is not None
    now = datetime.now(UTC)
    failing = Failing(now - timedelta(hours=9), now - timedelta(hours=1))
    reports.point(HOURS[0], head.version, head, failing)
    former(shop)

    assert HOURS[0] not in due(shop).images

    known = PhotoReports(Repository.of(shop.settings)).known(HOURS[0])
    assert known is not None
    assert known.failing == failing
    assert not may_retry(failing, now + timedelta(hours=6))
    assert may_retry(failing, now + timedelta(hours=8))


@pytest.mark.parametrize("cut", [slice(0, 40), slice(10, None)])
def test_a_damaged_one_is_left_out_and_its_hour_made_anew(made: Machines, cut: slice) -> None:
    shop = made.first
    former(shop)
    path = left(shop)[0]
    path.write_bytes(path.read_bytes()[cut])

    assert [hour.start_text for hour in due(shop).images] == [path.stem]
    assert left(shop) == []


def test_one_that_was_changed_is_left_out(made: Machines) -> None:
    shop = made.first
    former(shop)
    path = shop.settings.cache_dir / "reports" / f"{HOURS[0].key}.json"
    path.write_bytes(path.read_bytes().replace(b"p0.png", b"p9.png", 1))

    assert [hour.start_text for hour in due(shop).images] == [path.stem]


def test_an_erasure_finds_the_listing_in_what_it_takes_over(made: Machines) -> None:
    shop = made.first
    former(shop)

    Erasure(shop.settings, "p3.png", ErasureOptions()).run()

    assert due(shop).is_empty
    files = [path for path in shop.root.rglob("*.json*") if path.is_file()]
    assert [path for path in files if b'"p3.png"' in path.read_bytes()] == []


def test_a_report_that_names_an_erased_listing_is_not_taken_over(made: Machines) -> None:
    """The listing was erased when this machine was off."""
    shop = made.first
    reports = PhotoReports(Repository.of(shop.settings))
    report = reports.read(HOURS[1])
    assert report is not None
    Erasure(shop.settings, "p3.png", ErasureOptions()).run()
    path = write(made.second, report)
    repository = Repository.of(shop.settings)
    repository.discard(Address.photos(HOURS[1]), repository.heads(None, Kind.PHOTOS)[HOURS[1]])

    assert due(made.second).images == [HOURS[1]]

    assert not path.exists()
