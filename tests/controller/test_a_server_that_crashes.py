"""A server that crashes as it loads names no window; what answered before goes on answering."""

import logging
import time
from pathlib import Path

import pytest

from index_grpc.serving.desk import CrashingServing, RefusedIndex
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.reconcile import ServingReconciler
from photosearch.oci.opening import open_builder
from tests.controller.conftest import Deployment
from tests.controller.crashing import Doom

HOURS = [f"hourly/2026-11-23T{hour:02}" for hour in range(14)]
DAY = "daily/2026-11-22"


@pytest.fixture
def doom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deployment: Deployment) -> Doom:
    return Doom(tmp_path / "doom", monkeypatch)


def crashing(deployment: Deployment) -> list[CrashingServing]:
    return open_desk(deployment.settings).crashing()


def blamed(deployment: Deployment) -> list[str]:
    return [one.window.key for one in deployment.refused if one.crashed]


def test_what_answered_goes_on_and_the_new_version_is_told_with_its_last_words(
    deployment: Deployment, doom: Doom, caplog: pytest.LogCaptureFixture
) -> None:
    good = deployment.made.hour(HOURS[0])
    deployment.settle()
    pids = deployment.pids

    deployment.always = {HOURS[0]}
    bad = deployment.made.hour(HOURS[0], edition=1)
    doom.befall(bad)
    with caplog.at_level(logging.ERROR):
        deployment.until(lambda: blamed(deployment) == [HOURS[0]])

    [refused] = deployment.refused
    assert refused.version == bad.version
    assert "killed by SIGSEGV" in refused.reason
    assert "Segmentation fault" in refused.reason
    log = Path(refused.reason.rpartition("see ")[2])
    assert f"{bad.version[:8]} is being loaded" in log.read_text()
    assert "crashes as it loads, 3 times: killed by SIGSEGV" in caplog.text
    assert deployment.served() == {HOURS[0]: good.version}
    assert deployment.pids == pids
    assert deployment.finds(HOURS[0])


def test_a_newer_version_is_tried_at_once(deployment: Deployment, doom: Doom) -> None:
    deployment.made.hour(HOURS[0])
    deployment.settle()
    deployment.always = {HOURS[0]}
    doom.befall(deployment.made.hour(HOURS[0], edition=1))
    deployment.until(lambda: bool(blamed(deployment)))

    newer = deployment.made.hour(HOURS[0], edition=2)
    deployment.until(lambda: deployment.served() == {HOURS[0]: newer.version})

    assert blamed(deployment) == []


def test_the_one_that_crashes_is_found_in_a_pack_and_the_others_answer(
    deployment: Deployment, doom: Doom
) -> None:
    """Nothing answered before: the pack is taken apart, and joined again without the bad one."""
    made = [deployment.made.hour(hour) for hour in HOURS[:4]]
    doom.befall(made[2], how="exit")

    deployment.until(lambda: blamed(deployment) == [HOURS[2]])
    deployment.until(lambda: deployment.served().keys() == {HOURS[0], HOURS[1], HOURS[3]})

    [refused] = [one for one in deployment.refused if one.crashed]
    assert "exit code 3" in refused.reason
    assert "is being loaded" in refused.reason
    deployment.always = {HOURS[0], HOURS[1], HOURS[3]}
    deployment.until(lambda: len(deployment.endpoints) == 1)  # of the three together

    doom.none()
    deployment.until(lambda: deployment.served().keys() == set(HOURS[:4]))
    deployment.until(lambda: not deployment.refused and not crashing(deployment))
    deployment.until(lambda: len(deployment.endpoints) == 1)


def test_only_what_no_server_has_loaded_is_taken_out_of_a_pack(
    deployment: Deployment, doom: Doom
) -> None:
    for hour in HOURS[:3]:
        deployment.made.hour(hour)
    deployment.settle()
    pids = deployment.pids
    deployment.always = set(HOURS[:3])

    doom.befall(deployment.made.hour(HOURS[3]))
    deployment.until(lambda: bool(crashing(deployment)))
    [told] = crashing(deployment)
    assert [one.window.key for one in told.windows] == HOURS[:4]
    assert [one.window.key for one in told.apart] == HOURS[3:4]
    assert told.crashes == 3
    deployment.until(lambda: blamed(deployment) == [HOURS[3]])

    assert deployment.pids == pids


def test_the_hours_answer_for_a_day_whose_server_crashes(
    deployment: Deployment, doom: Doom
) -> None:
    doom.befall(deployment.made.day(DAY, hours=[3]), how="9")

    deployment.until(lambda: len(deployment.served()) == 24)

    assert deployment.finds_day_row()
    [refused] = deployment.refused
    assert refused.window.key == DAY
    assert "killed by SIGKILL (as the kernel does when memory runs out)" in refused.reason

    doom.none()
    deployment.until(lambda: deployment.served().keys() == {DAY})
    assert deployment.refused == []


def test_where_nothing_loads_no_more_than_one_window_is_left_out(
    deployment: Deployment, doom: Doom
) -> None:
    for hour in HOURS[:3]:
        deployment.made.hour(hour)
    doom.befall_named("*", "exit")

    deployment.until(lambda: len(crashing(deployment)) == 3)  # the pack, and two of its windows
    until = time.monotonic() + 3
    deployment.until(lambda: time.monotonic() > until)

    assert len(blamed(deployment)) == 1
    doom.none()
    deployment.until(lambda: deployment.served().keys() == set(HOURS[:3]))
    deployment.until(lambda: not deployment.refused and not crashing(deployment))


def test_tries_are_ever_further_apart(deployment: Deployment, doom: Doom) -> None:
    deployment.made.hour(HOURS[0])
    doom.befall_named("*", "exit")

    deployment.until(lambda: bool(blamed(deployment)))
    [first] = deployment.refused
    deployment.until(lambda: any(one.times == 3 for one in deployment.refused))
    [third] = deployment.refused

    assert (third.retry_at - first.retry_at).total_seconds() >= 3  # 1, 2 and 4 s
    assert third.left_out


def test_another_image_of_a_serving_is_tried_at_once(deployment: Deployment, doom: Doom) -> None:
    deployment.made.hour(HOURS[0])
    doom.befall_named("*", "exit")
    deployment.place()
    deployment.deployer.reconcile()
    [held] = deployment.deployer._held.values()
    deployment.until(lambda: held.crashes == 2)

    held.take_image(held.serving.model_copy(update={"image": "sha256:" + "1" * 64}))

    assert held.crashes == 0
    assert held.backoff.is_due(time.monotonic())


def test_the_next_deployer_waits_as_long_as_the_former_would_have(
    deployment: Deployment, doom: Doom
) -> None:
    deployment.made.hour(HOURS[0])
    doom.befall_named("*", "exit")
    deployment.until(lambda: any(one.times == 3 for one in deployment.refused))
    [before] = deployment.refused

    deployment.restart()
    deployment.deployer.reconcile()

    [after] = deployment.refused
    assert (after.times, after.reason, after.crashed) == (3, before.reason, True)
    assert after.left_out
    assert abs((after.retry_at - before.retry_at).total_seconds()) < 0.5
    assert [serving.starts for serving in deployment.status.servings] == []
    deployment.until(lambda: any(one.times == 4 for one in deployment.refused))
    doom.none()
    deployment.until(lambda: deployment.served().keys() == {HOURS[0]})
    assert deployment.refused == []


def test_what_a_former_deployer_refused_is_tried_by_the_next_when_its_pause_is_over(
    deployment: Deployment,
) -> None:
    manifest = deployment.made.hour(HOURS[0])
    left = RefusedIndex(
        window=HOURS[0], version=manifest.version, reason="left", retry_at="2026-11-23T14:30:00Z"
    )
    open_desk(deployment.settings).tell_refused("deployer", [left])
    deployment.restart()

    deployment.until(lambda: deployment.served() == {HOURS[0]: manifest.version})


def test_windows_that_are_apart_have_a_pack_each(deployment: Deployment, doom: Doom) -> None:
    deployment.made.hour(HOURS[0])
    deployment.made.hour(HOURS[1])
    doom.befall_named("*", "exit")
    deployment.until(lambda: bool(crashing(deployment)))

    reconciler = ServingReconciler(
        deployment.settings, deployment.made.repository, open_builder(deployment.settings)
    )
    found = reconciler.compare()
    assert [len(one.windows) for one in (*found.ready, *found.unbuilt)] == [1, 1]
