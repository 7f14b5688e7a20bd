"""A new Dagster home that several processes open at the same moment, as `photosearch up` does."""

import multiprocessing
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from photosearch.settings.settings import Settings
from photosearch_assets.instance.home import open_instance

PROCESSES = 4
HOMES = 3
RUN = "0b5ba6cf-6f0e-4cf1-8a6b-4d7b7f5b2a10"

pytestmark = pytest.mark.slow  # each process imports Dagster


def test_processes_that_open_a_new_home_at_once_all_can(tmp_path: Path) -> None:
    shops = [tmp_path / f"shop-{number}" for number in range(HOMES)]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    together, told = context.Barrier(PROCESSES), context.Queue()
    processes = [
        context.Process(target=_open_each, args=(shops, together, told)) for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    try:
        found = [told.get(timeout=60) for _ in processes]
    finally:
        for process in processes:
            process.kill()
            process.join()

    assert found == [None] * PROCESSES
    for shop in shops:  # and they can be opened ever after
        with open_instance(Settings(state_dir=shop)) as instance:
            assert len(instance.all_logs(RUN)) == PROCESSES


def _open_each(shops: list[Path], together: Barrier, told: "Queue[str | None]") -> None:
    try:
        for shop in shops:
            together.wait(60)
            with open_instance(Settings(state_dir=shop)) as instance:
                together.wait(60)  # a run's own database is new to all of them too
                instance.report_engine_event("opened", run_id=RUN, job_name="job")
    except Exception as error:
        together.abort()
        told.put(repr(error))
    else:
        told.put(None)
