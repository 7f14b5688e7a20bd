"""Erasures on two machines that share their stores: one at a time."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from photosearch_operations.erasure import waiting
from photosearch_operations.erasure.erase import Erasure, ErasureOptions
from photosearch_operations.erasure.waiting import ErasureError
from tests.assets.by_hand import run_step
from tests.assets.conftest import hours
from tests.second_machine.conftest import Machines

GONE = "p1.png"
LEASE_S = 3.0
#: An erasure that hangs once its listing is forbidden.
_HANGING = f"""
import sys, time
from photosearch.settings.settings import load_settings
from photosearch_operations.erasure import erase, waiting
def hang(erasure):
    print("hangs", flush=True)
    time.sleep(600)
waiting.LEASE_S = {LEASE_S}
erase.STAGES = (erase.STAGES[0], hang)
erase.Erasure(load_settings(), {GONE!r}, erase.ErasureOptions()).run()
"""


@pytest.fixture
def made(machines: Machines) -> Machines:
    machines.first.list_hours(1)
    run_step(machines.first, "embedder")
    for name in ("images", "embeddings", "hourly_index"):
        run_step(machines.first, name, hours(0, 1))
    return machines


@pytest.fixture
def erasing(made: Machines) -> Iterator["subprocess.Popen[bytes]"]:
    """An erasure under way on the first machine."""
    with subprocess.Popen(
        [sys.executable, "-c", _HANGING],
        stdout=subprocess.PIPE,
        env=made.first.settings.environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"hangs\n"
        yield process
        process.kill()


def test_an_erasure_waits_for_one_on_another_machine_and_tells_of_it(
    made: Machines, erasing: "subprocess.Popen[bytes]"
) -> None:
    told: list[str] = []
    options = ErasureOptions(wait_s=2 * LEASE_S)

    with pytest.raises(ErasureError, match="another erasure is under way") as refused:
        Erasure(made.second.settings, "p0.png", options, told.append).run()

    assert f"process {erasing.pid}, until 2" in str(refused.value.found)
    assert [text for text in told if f"process {erasing.pid}" in text]


def test_an_erasure_that_was_killed_on_one_machine_is_finished_on_another_after_its_lease(
    made: Machines, erasing: "subprocess.Popen[bytes]"
) -> None:
    erasing.kill()
    erasing.wait()

    receipt = Erasure(made.second.settings, GONE, ErasureOptions(wait_s=20)).run()

    assert receipt.finished_at is not None


def test_an_erasure_that_was_killed_is_finished_at_once_on_its_own_machine(
    made: Machines, erasing: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LEASE_S", 60.0)
    erasing.kill()
    erasing.wait()

    receipt = Erasure(made.first.settings, GONE, ErasureOptions(wait_s=0)).run()

    assert receipt.finished_at is not None
