"""Everything through Dagster in this process: the command, its runs and what they record."""

import os
import signal
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from index_grpc.serving.opening import open_desk
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing
from photosearch.repository.addresses import Kind
from photosearch.repository.readiness import ready_indexes
from photosearch.windows import Window
from photosearch_assets.dag import DagStep
from photosearch_assets.errors import AssetsError
from photosearch_assets.materialize.command import materialize as materialize_command
from photosearch_assets.materialize.materializer import Materializer, Summary
from photosearch_assets.planning.stretches import stretches
from photosearch_assets.resources import Stores
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.result import CheckOutcome, StepResult
from tests.assets.conftest import START, Materialize, Shop, hours

DAY = Window.parse("daily/2026-01-01")
TOMORROW = START + timedelta(days=1)


class Silent:
    def photos(self, count: int) -> None: ...

    def result(self, result: StepResult) -> None: ...


def materialize_all(
    shop: Shop,
    instance: dg.DagsterInstance,
    now: datetime = TOMORROW,
    chosen: Sequence[Window] = (),
) -> Summary:
    work = Materializer(shop.settings, instance, Silent(), now=now)
    for _stage in work.run(chosen):
        pass
    return work.summary


def materialized(instance: dg.DagsterInstance, name: str) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey(name)))


@pytest.fixture(params=["in_process", "subprocess"])
def runner(request: pytest.FixtureRequest, shop: Shop) -> str:
    shop.configure(step_runner=request.param)
    return str(request.param)


def test_a_day_is_made_from_nothing_by_either_runner(
    runner: str, shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.list_hours(3)
    shop.list_photo("broken.jpg", START, b"not a photo")

    summary = materialize_all(shop, instance)

    assert not summary.has_failed
    assert summary.results["daily_index", DAY].rows == 6
    [failure] = summary.results["embeddings", hours(0, 1)[0]].failures
    assert failure.photo_id == "broken.jpg"
    for name in ("images", "embeddings", "hourly_index"):
        assert materialized(instance, name) == {hour.start_text for hour in hours(0, 24)}
    with StepContext(shop.settings) as context:
        ready = ready_indexes(context.repository, context.fingerprint)
    assert ready[DAY].rows == 6
    assert not any(index.stale for index in ready.values())


def test_a_run_that_ends_before_its_first_step_says_why(
    shop: Shop, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.list_hours(1)

    def refuse(*_: object) -> None:
        raise RuntimeError("the bucket is closed")

    monkeypatch.setattr(Stores, "setup_for_execution", refuse)

    summary = materialize_all(shop, instance)

    assert summary.failed_runs == ["embedder: the bucket is closed"]


def test_a_second_call_starts_no_run(shop: Shop, instance: dg.DagsterInstance) -> None:
    shop.list_hours(1)
    materialize_all(shop, instance)
    runs = instance.get_runs_count()

    summary = materialize_all(shop, instance)

    assert summary.results == {}
    assert instance.get_runs_count() == runs


def test_a_late_listing_makes_its_hour_and_day_again_and_no_other(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.list_hours(2)
    materialize_all(shop, instance)
    shop.list_photo("p99.png", START + timedelta(hours=1, minutes=30))

    summary = materialize_all(shop, instance)

    assert {(r.step, r.window) for r in summary.done} == {
        ("images", hours(1, 1)[0]),
        ("embeddings", hours(1, 1)[0]),
        ("hourly_index", hours(1, 1)[0]),
        ("daily_index", DAY),
        ("serving_image", None),
        ("index_service", None),
    }
    assert summary.results["daily_index", DAY].rows == 5


def test_only_chosen_windows_and_what_they_are_made_from(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.list_hours(2)

    materialize_all(shop, instance, chosen=hours(1, 1))

    assert materialized(instance, "hourly_index") == {hours(1, 1)[0].start_text}
    assert materialized(instance, "daily_index") == set()


def test_a_partition_tells_what_is_worth_seeing(
    shop: Shop, instance: dg.DagsterInstance, materialize: Materialize
) -> None:
    shop.list_hours(2)
    shop.list_photo("broken.jpg", START, b"not a photo")
    materialize("embedder")
    materialize("images", "embeddings", "hourly_index", windows=hours(0, 2))

    records = instance.fetch_materializations(dg.AssetKey("embeddings"), limit=10).records

    found = {
        str(record.partition_key): record.asset_materialization.metadata
        for record in records
        if record.asset_materialization is not None
    }
    first, second = (found[hour.start_text] for hour in hours(0, 2))
    assert (first["rows"].value, first["failures"].value, second["failures"].value) == (2, 1, 0)
    assert "data:image/jpeg;base64," in str(first["photos"].value)
    assert "broken.jpg" in str(first["failed photos"].value)
    assert {"bytes", "seconds", "version"} <= set(second)
    index = instance.get_latest_materialization_event(dg.AssetKey("hourly_index"))
    assert index is not None
    assert index.asset_materialization is not None
    assert index.asset_materialization.metadata["recall"].value == 1.0


def test_a_single_partition_carries_its_manifest_as_data_version(
    shop: Shop, instance: dg.DagsterInstance, materialize: Materialize
) -> None:
    shop.list_hours(1)
    materialize("embedder")

    materialize("images", "embeddings", windows=hours(0, 1))

    event = instance.get_latest_materialization_event(dg.AssetKey("embeddings"))
    assert event is not None
    assert event.asset_materialization is not None
    with StepContext(shop.settings) as context:
        manifest = context.shelf(Kind.EMBEDDINGS).require(hours(0, 1)[0], "")
    tags = event.asset_materialization.tags or {}
    assert tags["dagster/data_version"] == manifest.digest[:16]
    assert tags["dagster/code_version"].endswith("-1")


def test_checks_are_kept_for_each_partition(
    shop: Shop, instance: dg.DagsterInstance, materialize: Materialize
) -> None:
    shop.list_hours(2)
    shop.list_photo("broken.jpg", START, b"not a photo")
    materialize("embedder")

    ended = materialize("images", "embeddings", windows=hours(0, 2))

    assert ended.success, "a check that only warns fails no run"
    key = dg.AssetCheckKey(dg.AssetKey("embeddings"), "photo_failure_rate")
    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    found = {str(record.partition): record.status.value for record in history}
    assert found == {hours(0, 1)[0].start_text: "FAILED", hours(1, 1)[0].start_text: "SUCCEEDED"}
    events: list[Any] = [record.event for record in history]
    metadata = [one.dagster_event.event_specific_data.metadata for one in events if one]
    assert sorted(one["measured"].value for one in metadata) == [0.0, 0.3333]


def shown(instance: dg.DagsterInstance, asset: str, check: str) -> dict[str, str]:
    """What Dagit shows of a check: evaluations that are about the partition's last version."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    infos = instance.event_log_storage.get_asset_check_partition_info([key])
    return {
        str(info.partition_key): info.latest_execution_status.value
        for info in infos
        if info.is_current
    }


def test_checks_are_shown_of_what_was_made_last(
    shop: Shop, instance: dg.DagsterInstance, materialize: Materialize
) -> None:
    first, second = (hour.start_text for hour in hours(0, 2))
    shop.list_hours(2)
    materialize("embedder")

    materialize("images", "embeddings", windows=hours(0, 2))
    assert shown(instance, "embeddings", "vector_health") == dict.fromkeys(
        (first, second), "SUCCEEDED"
    )

    materialize("embeddings", windows=hours(1, 1))
    assert shown(instance, "embeddings", "vector_health")[second] == "SUCCEEDED"
    instance.report_runless_asset_event(dg.AssetMaterialization("embeddings", partition=first))
    assert shown(instance, "embeddings", "vector_health") == {second: "SUCCEEDED"}


def test_what_a_gate_kept_back_is_shown_beside_the_version_that_stays(
    shop: Shop,
    instance: dg.DagsterInstance,
    materialize: Materialize,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = hours(0, 2)
    shop.list_hours(2)
    materialize("embedder")
    materialize("images", "embeddings", "hourly_index", windows=[first])

    def keep_back(_step: DagStep, windows: Sequence[Window], _context: Any) -> Iterator[StepResult]:
        check = CheckOutcome(name="recall_at_target", passed=False, found="0.31", limit="0.9")
        for window in windows:
            yield StepResult(
                step="hourly_index", window=window, photos=2, published=False, checks=(check,)
            )

    runner = SimpleNamespace(run=keep_back)
    monkeypatch.setattr("photosearch_assets.assets.runner_for", lambda _step, _settings: runner)
    ended = materialize("hourly_index", windows=[first, second])

    assert not ended.success
    told = shown(instance, "hourly_index", "recall_at_target")
    assert told == dict.fromkeys((first.start_text, second.start_text), "FAILED")
    assert materialized(instance, "hourly_index") == {first.start_text}


def test_one_bad_hour_does_not_lose_the_others(
    shop: Shop,
    instance: dg.DagsterInstance,
    materialize: Materialize,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop.list_hours(3)
    materialize("embedder")
    materialize("images", "embeddings", windows=hours(0, 3))
    _cut_vectors(shop, hours(1, 1)[0])

    ended = materialize("hourly_index", windows=hours(0, 3))

    assert not ended.success
    [event] = ended.get_step_failure_events()
    assert "hourly/2026-01-01T01" in str(event.step_failure_data.error)
    assert materialized(instance, "hourly_index") == {
        hour.start_text for hour in hours(0, 3) if hour != hours(1, 1)[0]
    }


def test_what_a_bad_hour_has_no_part_in_is_made_and_shipped_all_the_same(
    shop: Shop, instance: dg.DagsterInstance, materialize: Materialize
) -> None:
    shop.list_hours(2)
    shop.list_photo("p99.png", TOMORROW + timedelta(hours=3))
    materialize("embedder")
    materialize("images", "embeddings", windows=hours(0, 48))
    _cut_vectors(shop, hours(1, 1)[0])

    summary = materialize_all(shop, instance, now=START + timedelta(days=2))

    [failure] = summary.failed_runs
    assert "hourly/2026-01-01T01" in failure
    with StepContext(shop.settings) as context:
        ready = ready_indexes(context.repository, context.fingerprint)
    assert {*hours(0, 48)} - ready.keys() == {hours(1, 1)[0]}
    assert [day for day in ready if day.granularity is DAY.granularity] == [
        Window.parse("daily/2026-01-02")
    ]
    served = {
        held.window.key for one in open_desk(shop.settings).asked().values() for held in one.windows
    }
    assert {"hourly/2026-01-01T00", "daily/2026-01-02"} <= served


def test_a_window_that_is_not_over_is_refused_whoever_asks(
    shop: Shop, instance: dg.DagsterInstance, materialize: Materialize
) -> None:
    """Dagster's launchRun takes any partition of the right form."""
    ahead = Window.parse("hourly/2099-01-01T00")
    materialize("embedder")

    ended = materialize("images", windows=[ahead])

    assert not ended.success
    [event] = ended.get_step_failure_events()
    assert "hourly/2099-01-01T00 is not over" in str(event.step_failure_data.error)
    with StepContext(shop.settings) as context:
        assert context.photo_reports.read(ahead) is None


def _cut_vectors(shop: Shop, hour: Window) -> None:
    with StepContext(shop.settings) as context:
        shelf = context.shelf(Kind.EMBEDDINGS)
        damaged = shelf.folder(shelf.require(hour, "")) / "vectors.npy"
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:-8])


def test_stretches_bridge_small_gaps_and_keep_to_their_length() -> None:
    windows = [*hours(0, 3), *hours(5, 2), *hours(100, 30)]

    found = stretches(windows, longest=24, gap=2)

    assert [(len(part), part[0]) for part in found] == [
        (7, hours(0, 1)[0]),
        (24, hours(100, 1)[0]),
        (6, hours(124, 1)[0]),
    ]
    around = stretches([*hours(0, 3), *hours(5, 2)], longest=24, gap=2, avoid=hours(4, 1))
    assert [len(part) for part in around] == [3, 2]


def test_the_command_names_a_window_that_is_not_over(shop: Shop) -> None:
    with pytest.raises(AssetsError, match="not a window of the timeline that is over"):
        materialize_command(["daily/2099-01-01"])


def test_the_command_tells_of_what_no_search_will_show(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    shop.list_hours(1)
    shop.configure(live_status="active")
    hour = hours(0, 1)[0].key

    materialize_command([hour])
    first = capsys.readouterr().out
    materialize_command([hour])
    again = capsys.readouterr().out

    assert "images" in first
    assert "Everything is up to date." in again
    for said in (first, again):
        why = "its status is 'live', live_status is 'active'"
        assert f"Left out: 2 listings, such as p0.png: {why}" in said
        assert "None of 2 listings may be shown: live_status is 'active', and their" in said


def test_the_command_tells_of_photos_and_listings_without_use_every_time(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    shop.list_hours(1)
    shop.list_photo("cut.png", START, content=b"\x89PNG\r\n\x1a\n")
    with Catalogue.open(shop.settings) as catalogue:
        catalogue.write([Listing("bare", "bare", 1.0, "things", "live", START, ())], [])
    hour = hours(0, 1)[0].key

    materialize_command([hour])
    first = capsys.readouterr().out
    materialize_command([hour])
    again = capsys.readouterr().out

    assert "Everything is up to date." in again
    for said in (first, again):
        assert "  1 x … can't be decoded: found a damaged header" in said
        assert "(cut.png)" in said
        assert "Left out: 1 listing, such as bare: it has no photo" in said


def test_a_stop_that_comes_as_a_run_ends_stops_what_follows(
    shop: Shop, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its last step Dagster notes a signal and forgets it with the run."""
    shop.list_hours(1)
    tell = dg.DagsterInstance.handle_new_event

    def tell_and_stop(self: dg.DagsterInstance, event: dg.EventLogEntry, **how: Any) -> None:
        tell(self, event, **how)
        if event.dagster_event_type is dg.DagsterEventType.RUN_SUCCESS:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(dg.DagsterInstance, "handle_new_event", tell_and_stop)

    with pytest.raises(KeyboardInterrupt):
        materialize_all(shop, instance)

    [run] = instance.get_runs()
    assert run.is_success
