"""Processes that can never run are given up with the reason; the others go on."""

import sys
from importlib.metadata import EntryPoint
from importlib.util import find_spec

import pytest

from photosearch.processes.spec import ProcessSpec
from photosearch.processes.supervised import ProcessState, SupervisedProcess
from photosearch.processes.supervisor import Supervisor, SupervisorError, installed_specs
from photosearch.settings.settings import Settings
from tests.supervisor.conftest import script
from tests.waiting import until

WELL = "import time; time.sleep(600)"


def test_what_fails_again_and_again_before_it_was_ever_ready_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosearch.processes.supervised.FAILED_STARTS_AT_MOST", 3)
    broken = script(
        "import sys; sys.exit('no such shop')", "broken", ready_file=settings.state / "never"
    )

    with Supervisor(settings, [broken, script(WELL, "well")]).start() as supervisor:
        first, second = supervisor.processes
        until(lambda: first.state is ProcessState.ENDED)

        assert first.gave_up
        assert first.last_exit == "exit code 1, 3 times, never ready"
        assert first.restarts == 2
        assert "no such shop" in first.log_tail()
        assert second.state is ProcessState.READY
        with pytest.raises(SupervisorError, match=r"(?s)broken did not.*no such shop"):
            supervisor.wait_ready(60)


def test_what_was_ready_once_is_never_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosearch.processes.supervised.FAILED_STARTS_AT_MOST", 2)
    ready = settings.state / "ready"
    once = script(
        f"""
        import pathlib, time
        if not pathlib.Path("before").exists():
            pathlib.Path("before").touch()
            pathlib.Path({str(ready)!r}).touch()
            time.sleep(1)
        """,
        ready_file=ready,
    )
    with Supervisor(settings, [once]).start() as supervisor:
        (process,) = supervisor.processes
        until(lambda: process.ready_after_s is not None)
        until(lambda: process.restarts > 3)
        assert not process.gave_up


def test_a_reason_that_is_known_is_told_and_nothing_is_started(settings: Settings) -> None:
    witness = script("open('started', 'w')", "witness", cannot_start="it needs the extra 'api'")

    with Supervisor(settings, [witness, script(WELL, "well")]).start() as supervisor:
        first, second = supervisor.processes
        until(lambda: second.state is ProcessState.READY)
        assert (first.state, first.gave_up) == (ProcessState.ENDED, True)
        assert first.last_exit == "it needs the extra 'api'"
    assert not (settings.base_dir / "started").exists()


def test_a_package_that_does_not_load_keeps_no_other_from_running(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [
        EntryPoint("broken", "no_such_package:process", "photosearch.processes"),
        EntryPoint("api", "api.processes:api", "photosearch.processes"),
    ]
    monkeypatch.setattr("photosearch.processes.supervisor.entry_points", lambda group: points)

    broken, api = installed_specs(settings)

    assert broken == ProcessSpec("broken", [], cannot_start="No module named 'no_such_package'")
    assert api.cannot_start is None


def test_what_needs_something_that_is_not_installed_names_the_extra(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [spec.cannot_start for spec in installed_specs(settings)] == [None] * 4

    def told(lacking: set[str], *, raises: bool) -> dict[str, str | None]:
        def find(name: str) -> object:
            if name in lacking and raises:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return None if name in lacking else find_spec(name)

        monkeypatch.setattr("photosearch.processes.spec.find_spec", find)
        return {spec.name: spec.cannot_start for spec in installed_specs(settings)}

    for raises in (False, True):
        lacks = told({"uvicorn", "dagster", "scann"}, raises=raises)
        assert lacks["api"] == "uvicorn not installed; run: pip install 'photosearch[api]'"
        assert "photosearch[index]" in str(lacks["deployer"])
        assert "photosearch[assets]" in str(lacks["dagster-daemon"])
        assert "photosearch[assets]" in str(lacks["dagster-webserver"])
        # The code location reads wire messages.
        lacks = told({"google.protobuf"}, raises=raises)
        assert "photosearch[index]" in str(lacks["dagster-daemon"])
        assert [lacks["deployer"], lacks["api"]] == [None, None]


def test_signatures_are_an_extra_where_they_are_asked_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "photosearch.processes.spec.find_spec",
        lambda name: None if name == "cryptography" else find_spec(name),
    )
    asking = settings.model_copy(update={"trusted_keys": ("shop.pub",)})

    without, with_keys = (
        {spec.name: spec.cannot_start for spec in installed_specs(one)}["deployer"]
        for one in (settings, asking)
    )

    assert without is None
    assert with_keys == "cryptography not installed; run: pip install 'photosearch[signing]'"


def test_a_watching_that_fails_is_told_to_who_waits(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: SupervisedProcess) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(SupervisedProcess, "watch", fail)
    with Supervisor(settings, [script(WELL)]).start() as supervisor:
        until(lambda: supervisor.failure is not None)
        with pytest.raises(SupervisorError, match="out of luck"):
            supervisor.wait_ready(60)


def test_an_address_that_is_none_is_told_and_the_others_are_watched(settings: Settings) -> None:
    odd = ProcessSpec("odd", [sys.executable, "-c", WELL], ready_url="http://\x7f/", restart=False)
    with Supervisor(settings, [odd, script(WELL, "well")]).start() as supervisor:
        until(lambda: supervisor.processes[1].state is ProcessState.READY)
        until(lambda: supervisor.processes[0].trouble)
        with pytest.raises(SupervisorError, match=r"odd is starting \(Invalid"):
            supervisor.wait_ready(0.1)
