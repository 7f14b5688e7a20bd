"""Signals that come in a burst: Ctrl-C in a hurry, or a parent whose threads end one by one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from photosearch.processes.signals import stop_signals_noticed

SCRIPT = """
from photosearch.processes.signals import stop_on_signals

stop = stop_on_signals()
print("ready", flush=True)
stop.wait()
"""


def test_a_burst_of_signals_is_one_stop() -> None:
    """An Event that a handler sets twice, the second time within the first, waits for itself."""
    for _ in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        try:
            for _ in range(200):
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
                    process.send_signal(signal.SIGINT)
            process.wait(60)
        finally:
            process.kill()
            _, told = process.communicate()
        # A signal after the stop may find an interpreter that ends already.
        assert process.returncode in (0, -signal.SIGTERM, -signal.SIGINT)
        assert told == b""


@pytest.fixture
def dropped() -> Iterator[None]:
    """SIGTERM has a handler that does nothing, as Dagster's at the end of a run."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("dropped")
def test_a_stop_that_a_handler_drops_is_noticed() -> None:
    with stop_signals_noticed() as noticed:
        assert not noticed()
        os.kill(os.getpid(), signal.SIGTERM)
        assert noticed()
        assert noticed()
    with stop_signals_noticed() as noticed_since:
        assert not noticed_since()


@pytest.mark.usefixtures("dropped")
def test_a_thread_is_told_of_no_stop() -> None:
    def notices() -> bool:
        with stop_signals_noticed() as noticed:
            os.kill(os.getpid(), signal.SIGTERM)
            return noticed()

    with ThreadPoolExecutor(1) as thread:
        assert not thread.submit(notices).result()
