"""The runners: what a process reports is heard while it works, and kept when it dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from photosearch_assets.dag import DagStep, StepGranularity
from photosearch_assets.runners.in_subprocess import _process
from photosearch_assets.runners.progress import watched_by
from photosearch_assets.steps.photo_messages import PHOTOS_DONE, PhotoMessages
from photosearch_assets.steps.result import StepResult
from tests.assets.conftest import Materialize, Shop, defs_of, hours

# Reports its first window, then does what is wanted, then reports the second.
STEP = """
import os, pathlib, sys, time
from dagster_pipes import open_dagster_pipes

with open_dagster_pipes() as pipes:
    first, second = pipes.get_extra("windows")
    pipes.report_custom_message({{"step": "slow", "window": first, "rows": 1, "photos": 1}})
    {between}
    pipes.report_custom_message({{"step": "slow", "window": second, "rows": 2, "photos": 2}})
"""
WAIT = """
    limit = time.monotonic() + 40
    while not pathlib.Path({flag!r}).exists():
        if time.monotonic() > limit:
            sys.exit("nobody heard of the first window")
        time.sleep(0.02)
"""


class Listener:
    """Writes down what it hears; a result also makes a file that the step waits for."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag
        self.photo_count = 0
        self.results: list[StepResult] = []

    def photos(self, count: int) -> None:
        self.photo_count += count

    def result(self, result: StepResult) -> None:
        self.results.append(result)
        self.flag.touch()


@pytest.fixture
def listener(tmp_path: Path) -> Listener:
    return Listener(tmp_path / "heard")


def run_step(between: str, shop: Shop, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    script = shop.root / "slow.py"
    script.write_text(STEP.format(between=between))
    step = {
        "name": "slow",
        "granularity": "hourly",
        "after": [],
        "command": ["python", str(script)],
    }
    return (
        defs_of([step])
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey("slow")],
            tags={
                "dagster/asset_partition_range_start": hours(0, 1)[0].start_text,
                "dagster/asset_partition_range_end": hours(1, 1)[0].start_text,
            },
            raise_on_error=False,
        )
    )


def test_a_window_is_heard_of_while_its_process_makes_the_next(
    shop: Shop, instance: dg.DagsterInstance, listener: Listener
) -> None:
    with watched_by(listener):
        ended = run_step(WAIT.format(flag=str(listener.flag)), shop, instance)

    assert ended.success
    assert [result.window for result in listener.results] == hours(0, 2)
    assert [result.rows for result in listener.results] == [1, 2]


def test_what_a_process_made_before_it_died_is_kept(
    shop: Shop, instance: dg.DagsterInstance, listener: Listener
) -> None:
    with watched_by(listener):
        ended = run_step("os._exit(7)", shop, instance)

    assert not ended.success
    [failure] = ended.get_step_failure_events()
    assert "exit code 7" in str(failure.step_failure_data.error)
    made = instance.get_materialized_partitions(dg.AssetKey("slow"))
    assert set(made) == {hours(0, 1)[0].start_text}
    assert len(listener.results) == 1


HALF_A_LINE = """
    import json
    from dagster_pipes import PipesEnvVarParamsLoader
    path = PipesEnvVarParamsLoader().load_messages_params()["path"]
    photos = {"payload": {"photos_done": 7}}
    line = json.dumps(
        {"__dagster_pipes_version": "0.1", "method": "report_custom_message", "params": photos}
    )
    for part in ("no message\\n", line[:40], line[40:] + "\\n"):
        with open(path, "a") as file:
            file.write(part)
        time.sleep(1)
"""


def test_half_a_line_is_waited_for_and_garbage_hides_nothing(
    shop: Shop, instance: dg.DagsterInstance, listener: Listener
) -> None:
    """A process that writes as its messages are read has sometimes written half a line."""
    with watched_by(listener):
        ended = run_step(HALF_A_LINE, shop, instance)

    assert ended.success
    assert listener.photo_count == 7
    assert [result.window for result in listener.results] == hours(0, 2)


@pytest.mark.parametrize(
    ("between", "told"),
    [
        ('pipes.report_custom_message("done!")', "found 'done!'"),
        ('pipes.report_custom_message({"step": "slow", "window": "noon"})', "'window': 'noon'"),
        ('pipes.report_custom_message({"photos_done": "all"})', "found {'photos_done': 'all'}"),
        (
            'pipes.report_custom_message({"step": "slow", "window": "hourly/2026-01-01T07"})',
            "a window that it was not asked for): found hourly/2026-01-01T07",
        ),
        ("os._exit(0)", "T01: the step ended without a word of it"),
    ],
)
def test_a_message_that_is_no_result_is_named_and_what_came_before_is_kept(
    shop: Shop, instance: dg.DagsterInstance, between: str, told: str
) -> None:
    ended = run_step(between, shop, instance)

    assert not ended.success
    [failure] = ended.get_step_failure_events()
    assert told in str(failure.step_failure_data.error)
    made = instance.get_materialized_partitions(dg.AssetKey("slow"))
    assert set(made) == {hours(0, 1)[0].start_text}


def test_a_process_ends_with_its_run_where_interrupts_are_ignored(
    shop: Shop, tmp_path: Path
) -> None:
    """As in the background job of a script, whose processes inherit that."""
    script = tmp_path / "long.py"
    script.write_text("import time; time.sleep(60)")
    step = DagStep(name="long", granularity=StepGranularity.HOURLY, command=["python", str(script)])
    session: Any = SimpleNamespace(get_bootstrap_env_vars=dict)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _process(step, shop.settings, session) as child:
            time.sleep(0.5)
    finally:
        signal.signal(signal.SIGINT, before)

    assert child.returncode == -signal.SIGTERM  # after a pause it would be SIGKILL


def test_a_step_of_ours_that_is_told_to_end_cleans_up(shop: Shop) -> None:
    code = """
import time
from photosearch_assets.steps import __main__

def step(windows, context):
    with context.work_folder("endless") as folder:
        print(folder, flush=True)
        time.sleep(60)
        yield

__main__.own_step = lambda name: step
raise SystemExit(__main__.main(["images"]))
"""
    environment = {**os.environ, "PHOTOSEARCH_SETTINGS": str(shop.settings.file)}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert folder.is_dir()

    process.terminate()

    assert process.wait(20) == 128 + signal.SIGTERM
    process.stdout.close()
    assert not folder.exists()


def test_either_runner_tells_of_every_photo(
    shop: Shop, instance: dg.DagsterInstance, materialize: Materialize, listener: Listener
) -> None:
    shop.list_hours(2)
    heard = {}
    for runner in ("in_process", "subprocess"):
        shop.configure(step_runner=runner)
        shop.forget()
        before = listener.photo_count
        with watched_by(listener):
            materialize("images", windows=hours(0, 2))
        heard[runner] = listener.photo_count - before

    assert heard == {"in_process": 4, "subprocess": 4}


def test_photos_travel_in_few_messages_and_none_is_lost() -> None:
    sent: list[dict[str, Any]] = []
    messages = PhotoMessages(sent.append)

    for _ in range(1000):
        messages.add(1)
    messages.flush()
    messages.flush()

    assert sum(message[PHOTOS_DONE] for message in sent) == 1000
    assert len(sent) <= 10
