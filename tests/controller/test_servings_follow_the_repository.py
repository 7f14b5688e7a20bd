"""The local deployer, with real index servers over a real repository."""

import os
import signal
import time
from dataclasses import replace

import psutil
import pytest

from controller.local import deployed_serving
from controller.seen import ServingState
from index_grpc.serving.desk_notes import FOLDER
from index_grpc.serving.endpoints import EndpointFolder
from index_grpc.serving.local_process import number_of
from photosearch.files.locks import file_lock
from photosearch.repository.addresses import Address
from photosearch.repository.embedder_roles import Role, note
from photosearch.repository.errors import StorageError
from photosearch.windows import Window
from tests.controller.conftest import Deployment, index_servers
from tests.controller.made_repository import FINGERPRINT

HOURS = [f"hourly/2026-11-23T{hour:02}" for hour in range(14)]
DAY = "daily/2026-11-22"


def test_an_index_is_served_once_its_server_answers(deployment: Deployment) -> None:
    deployment.made.hour(HOURS[0])
    deployment.place()
    deployment.deployer.reconcile()
    assert deployment.endpoints == []
    assert [s.state for s in deployment.status.servings] == [ServingState.STARTING]

    deployment.settle()

    (endpoint,) = deployment.endpoints
    assert deployment.finds(HOURS[0])
    assert [(w.window.key, w.rows) for w in endpoint.windows] == [(HOURS[0], 20)]
    assert psutil.Process(number_of(endpoint.process)).is_running()
    assert endpoint.address == deployment.status.servings[0].address


def test_a_desk_that_servers_run_from_is_noted_again_though_nobody_asks(
    deployment: Deployment,
) -> None:
    deployment.made.hour(HOURS[0])
    deployment.settle()
    [note] = (deployment.settings.state / "repository" / FOLDER).iterdir()
    note.unlink()

    deployment.deployer._note_at = 0.0  # an hour later

    deployment.until(note.exists)


def test_nothing_is_served_before_there_is_an_embedder(deployment: Deployment) -> None:
    deployment.place()
    deployment.deployer.reconcile()

    assert deployment.status.servings == ()
    assert deployment.status.problem is None


def test_a_new_hour_replaces_the_hours_server_and_no_window_is_missing_meanwhile(
    deployment: Deployment,
) -> None:
    deployment.made.day(DAY, hours=[3])
    deployment.made.hour(HOURS[0])
    deployment.settle()
    before = deployment.pids

    deployment.always = {DAY, HOURS[0]}
    deployment.made.hour(HOURS[1])
    deployment.until(lambda: HOURS[1] in deployment.served())
    ready_at = time.monotonic()
    assert len(deployment.endpoints) == 3  # the old one is still announced
    deployment.settle()

    assert time.monotonic() - ready_at >= deployment.settings.drain_s
    assert deployment.served().keys() == {DAY, HOURS[0], HOURS[1]}
    assert deployment.finds(HOURS[1])
    kept = deployment.pids.items() & before.items()
    assert [name.startswith("daily") for name, _ in kept] == [True]
    assert len(index_servers(deployment.settings)) == 2


def test_a_day_replaces_its_hours(deployment: Deployment) -> None:
    day = Window.parse(DAY)
    for hour in day.children():
        deployment.made.hour(hour.key, 20 if hour.start.hour == 5 else 0)
    deployment.settle()
    assert len(deployment.served()) == 24
    assert deployment.finds(f"hourly/{day.start_text}T05")

    deployment.made.glue(DAY)
    deployment.settle()

    assert deployment.served().keys() == {DAY}
    assert deployment.finds(f"hourly/{day.start_text}T05")


def test_the_hours_answer_for_a_day_that_a_late_listing_made_stale(
    deployment: Deployment,
) -> None:
    deployment.made.day(DAY, hours=[3])
    deployment.settle()
    assert deployment.served().keys() == {DAY}

    late = "hourly/2026-11-22T04"
    deployment.made.hour(late)
    deployment.settle()

    assert len(deployment.served()) == 24
    assert deployment.finds(late)


def test_a_server_that_died_is_started_again(deployment: Deployment) -> None:
    deployment.made.hour(HOURS[0])
    deployment.settle()
    (before,) = deployment.endpoints

    os.kill(number_of(before.process), signal.SIGKILL)
    deployment.until(lambda: deployment.endpoints == [])
    assert "SIGKILL" in (deployment.status.servings[0].reason or "")
    deployment.until(lambda: deployment.endpoints != [])

    assert number_of(deployment.endpoints[0].process) != number_of(before.process)
    assert deployment.status.servings[0].starts == 2
    assert deployment.finds(HOURS[0])


def test_a_server_that_is_silent_is_replaced(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployed_serving, "HEALTH_EVERY_S", 0.1)
    monkeypatch.setattr("controller.local.server_process.HEALTH_DEADLINE_S", 0.3)
    deployment.made.hour(HOURS[0])
    deployment.settle()
    (before,) = deployment.endpoints

    silent = number_of(before.process)
    os.kill(silent, signal.SIGSTOP)
    deployment.until(lambda: bool(deployment.pids) and silent not in deployment.pids.values())

    assert deployment.finds(HOURS[0])
    assert not psutil.pid_exists(number_of(before.process))


def test_the_previous_serving_answers_while_a_damaged_index_is_refused(
    deployment: Deployment,
) -> None:
    good = deployment.made.hour(HOURS[0])
    deployment.settle()
    pids = deployment.pids

    deployment.always = {HOURS[0]}
    damaged = deployment.made.hour(HOURS[0], edition=1)
    deployment.made.flip_a_bit(damaged)
    deployment.until(lambda: bool(deployment.refused))

    (refused,) = deployment.refused
    assert (refused.window.key, refused.version) == (HOURS[0], damaged.version)
    assert "vectors.npy" in refused.reason
    assert deployment.served() == {HOURS[0]: good.version}
    assert deployment.pids == pids
    assert deployment.finds(HOURS[0])


def test_a_damaged_window_does_not_hold_up_the_others_of_its_pack(
    deployment: Deployment,
) -> None:
    deployment.made.hour(HOURS[0])
    deployment.settle()

    deployment.always = {HOURS[0]}
    deployment.made.flip_a_bit(deployment.made.hour(HOURS[1]))
    third = deployment.made.hour(HOURS[2])
    deployment.until(lambda: HOURS[2] in deployment.served())

    assert deployment.served()[HOURS[2]] == third.version
    assert HOURS[1] not in deployment.served()
    assert [refused.window.key for refused in deployment.refused] == [HOURS[1]]


def test_the_hours_take_over_from_a_damaged_day_until_it_is_repaired(
    deployment: Deployment,
) -> None:
    damaged = deployment.made.day(DAY, hours=[3])
    deployment.made.flip_a_bit(damaged)
    deployment.until(lambda: len(deployment.served()) == 24)
    assert [refused.window.key for refused in deployment.refused] == [DAY]
    assert deployment.finds_day_row()

    deployment.made.glue(DAY)  # the same version, whole again
    deployment.until(lambda: deployment.served() == {DAY: damaged.version})

    assert deployment.refused == []
    assert deployment.finds_day_row()


def test_rolling_back_within_the_grace_period_keeps_the_old_process(
    deployment: Deployment,
) -> None:
    first = deployment.made.hour(HOURS[0])
    deployment.settle()
    (old,) = deployment.endpoints
    second = deployment.made.hour(HOURS[0], edition=1)
    deployment.until(lambda: deployment.served() == {HOURS[0]: second.version})

    address = Address.index(deployment.made.fingerprint, Window.parse(HOURS[0]))
    deployment.made.repository.rollback(address, first.version)
    deployment.until(lambda: deployment.served() == {HOURS[0]: first.version})
    assert len(deployment.endpoints) == 2  # the old one is right at once, before the new is gone
    deployment.settle()

    assert deployment.served() == {HOURS[0]: first.version}
    (kept,) = deployment.endpoints
    assert kept.serving == old.serving


def test_another_embedder_takes_over_only_when_it_answers_the_same_time(
    deployment: Deployment,
) -> None:
    deployment.made.hour(HOURS[0])
    deployment.made.hour(HOURS[1])
    deployment.settle()
    deployment.always = {HOURS[0], HOURS[1]}
    (old,) = deployment.endpoints

    deployment.made.use_embedder("e" * 16)
    deployment.made.hour(HOURS[1])
    deployment.until(lambda: len(deployment.endpoints) == 2)
    for _ in range(20):
        deployment.place()
        deployment.deployer.reconcile()
        time.sleep(0.05)
    assert old.serving in deployment.pids

    deployment.made.hour(HOURS[0])
    deployment.until(lambda: {e.fingerprint for e in deployment.endpoints} == {"e" * 16})
    deployment.settle()


def test_a_damaged_index_of_the_next_embedder_is_refused_once_and_holds_up_nothing(
    deployment: Deployment,
) -> None:
    deployment.made.use_embedder("e" * 16)
    deployment.made.flip_a_bit(deployment.made.hour(HOURS[0]))
    deployment.made.use_embedder(FINGERPRINT)
    deployment.made.hour(HOURS[0])
    note(deployment.made.repository, Role.NEXT, "e" * 16)
    deployment.reconciler.first_retry_s = 60

    deployment.settle()

    assert {e.fingerprint for e in deployment.endpoints} == {FINGERPRINT}
    [refused] = deployment.refused
    assert (refused.window.key, refused.times) == (HOURS[0], 1)
    assert deployment.reconciler.compare().is_settled  # until the pause is over


def test_servers_are_watched_while_an_image_is_being_pulled(deployment: Deployment) -> None:
    deployment.made.hour(HOURS[0])
    deployment.settle()
    unpacked = deployment.settings.unpacked_images_dir
    (former,) = (unpacked / "images").iterdir()

    with file_lock(unpacked / "lock", shared=True):  # as a pull holds it
        deployment.made.hour(HOURS[0], edition=1)
        deployment.settle()
        assert former.exists()
    deployment.until(lambda: not former.exists())


def test_under_each_every_index_has_a_server_of_its_own(
    deployment: Deployment,
) -> None:
    each = deployment.settings.model_copy(update={"packing": "each"})
    deployment.reconciler = replace(deployment.reconciler, settings=each)
    for hour in HOURS[:3]:
        deployment.made.hour(hour)
    deployment.settle()

    assert sorted(len(e.windows) for e in deployment.endpoints) == [1, 1, 1]
    assert deployment.served().keys() == set(HOURS[:3])


def test_a_repository_that_can_not_be_read_leaves_the_servings_as_they_are(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = deployment.made.hour(HOURS[0])
    deployment.settle()
    pids = deployment.pids

    def unreadable(*_: object) -> str:
        raise StorageError("the repository can't be read", found="Input/output error")

    monkeypatch.setattr("index_grpc.serving.desired.current_fingerprint", unreadable)
    deployment.until(lambda: deployment.status.problem is not None)

    assert "Input/output error" in (deployment.status.problem or "")
    assert deployment.pids == pids
    assert deployment.served() == {HOURS[0]: manifest.version}


def test_a_backlog_is_served_while_it_grows_and_starts_few_servers(
    deployment: Deployment,
) -> None:
    for hour in HOURS:
        if hour == HOURS[-1]:  # however slowly servers start here, one does while it grows
            deployment.until(lambda: bool(deployment.served()))
        deployment.made.hour(hour)
        next_hour = time.monotonic() + 0.4
        while time.monotonic() < next_hour:
            deployment.place()
            deployment.deployer.reconcile()
            states = [serving.state for serving in deployment.status.servings]
            assert states.count(ServingState.STARTING) <= 1
            time.sleep(0.03)
    served_meanwhile = deployment.served()
    deployment.settle()

    assert served_meanwhile
    assert deployment.served().keys() == set(HOURS)
    logs = (deployment.settings.logs_dir / "index-servers").iterdir()
    starts = [log.read_text().count(" serves ") for log in logs]
    assert sum(starts) < len(HOURS)
    assert max(starts) == 1, "a server that had ended was started again"


@pytest.mark.parametrize("damage", ["lost", "another version", "no endpoint"])
def test_a_server_whose_endpoint_file_was_damaged_is_announced_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(deployed_serving, "HEALTH_EVERY_S", 0.1)
    deployment.made.hour("hourly/2026-11-22T00")
    deployment.settle()
    [announced] = deployment.endpoints
    path = EndpointFolder(deployment.settings.endpoints_dir).path(announced.serving)

    if damage == "lost":
        path.unlink()
    elif damage == "no endpoint":
        path.write_bytes(b"{")
    else:
        version = announced.windows[0].version
        path.write_text(path.read_text().replace(version, version[::-1]))

    deployment.until(lambda: deployment.endpoints == [announced])
