"""Which indexes share a layer, and what a folder of them serves."""

from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_grpc.serving.serving import Serving, ServingError
from index_grpc.serving.serving_folder import serving_of_folder
from index_grpc.shipping.layers import MOST_INDEX_LAYERS, group_windows
from photosearch.windows import Granularity, Window
from tests.controller.made_repository import FINGERPRINT, MadeRepository, made_settings

START = datetime(2024, 1, 1, tzinfo=UTC)
MONTHS = st.builds(
    lambda year, month: Window(Granularity.MONTHLY, datetime(year, month, 1, tzinfo=UTC)),
    st.integers(2000, 2023),
    st.integers(1, 12),
)


def hours(count: int) -> list[Window]:
    return [Window(Granularity.HOURLY, START + timedelta(hours=n)) for n in range(count)]


def days(count: int) -> list[Window]:
    return [Window(Granularity.DAILY, START + timedelta(days=n)) for n in range(count)]


@pytest.mark.parametrize("count", [1, 23, MOST_INDEX_LAYERS])
def test_up_to_some_hundred_indexes_have_a_layer_each(count: int) -> None:
    assert group_windows(hours(count)) == [[window] for window in hours(count)]


@given(
    st.sets(MONTHS, max_size=40),
    st.integers(0, 1200).map(days),
    st.integers(0, 3000),
)
def test_a_pack_of_any_size_has_few_layers_that_hold_all_of_it_in_order(
    months: set[Window], finer: list[Window], some: int
) -> None:
    last = finer[-1].end if finer else START
    windows = [
        *sorted(months),
        *finer,
        *(Window(Granularity.HOURLY, last + timedelta(hours=n)) for n in range(some)),
    ]

    groups = group_windows(windows)

    assert len(groups) <= MOST_INDEX_LAYERS
    assert list(chain.from_iterable(groups)) == windows


@pytest.mark.parametrize("count", [97, 700, 2500])
def test_a_new_hour_leaves_all_other_layers_of_a_large_pack_as_they_are(count: int) -> None:
    if count % 24 == 0:
        count += 1
    before, after = group_windows(hours(count)), group_windows(hours(count + 1))

    assert after[-1] == hours(count + 1)[-1:]
    assert after[:-1] == before


def test_a_folder_serves_all_that_lies_in_it(tmp_path: Path) -> None:
    made = MadeRepository(made_settings(tmp_path))
    manifests = [made.hour(f"hourly/2026-11-22T{n:02d}") for n in range(3)]

    serving = serving_of_folder(tmp_path / ".photosearch" / "repository")

    assert serving == Serving.of(
        [(m.window, m.version) for m in manifests if m.window],
        fingerprint=FINGERPRINT,
        quantiser=None,
    )


def test_a_folder_of_nothing_or_of_two_fingerprints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="found 0 kinds"):
        serving_of_folder(tmp_path)
    settings = made_settings(tmp_path)
    MadeRepository(settings).hour("hourly/2026-11-22T00")
    MadeRepository(settings, "e" * 16).hour("hourly/2026-11-22T01")

    with pytest.raises(ServingError, match="found 2 kinds"):
        serving_of_folder(tmp_path / ".photosearch" / "repository")
