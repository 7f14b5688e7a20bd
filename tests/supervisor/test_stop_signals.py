"""Signals that come in a burst: Ctrl-C in a hurry, or a parent whose threads end one by one."""

import signal
import subprocess
import sys
from contextlib import suppress

SCRIPT = """
from photosearch.stop_signals import stop_on_signals

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
            process.wait(10)
        finally:
            process.kill()
            _, told = process.communicate()
        # A signal after the stop may find an interpreter that ends already.
        assert process.returncode in (0, -signal.SIGTERM, -signal.SIGINT)
        assert told == b""
