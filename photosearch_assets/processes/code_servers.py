"""Ends a process of Dagster whose code server is hung, so that it is started again with another.

Dagster's daemon and its pages have our code loaded in a process of their own each, which they
start and ask over gRPC. One that is stopped or stuck is never replaced: no sensor is looked
at any more, no page of a job opens, and both go on looking well from outside. Its standard
question for health is asked here, and if there is no answer for long, it goes, and its parent
with it: ``photosearch up`` starts that again.
"""

import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

import grpc
import psutil
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from photosearch.processes.liveness import Silence

_LOOK_EVERY_S = 5.0
_ANSWERS_IN_S = 1.0
_SOON_S = 0.2
_EXIT_CODE = 70  # EX_SOFTWARE


def watch(hung_after_s: float) -> None:
    """Watch this process's code servers from now on; 0: don't.

    One that has not answered yet is starting, and Dagster's own limit holds.
    """
    if hung_after_s:
        threading.Thread(
            target=_watch, args=[hung_after_s], name="code servers", daemon=True
        ).start()


def _watch(hung_after_s: float) -> None:
    silences: dict[int, Silence] = {}
    pause = threading.Event()
    while True:
        servers = _code_servers()
        answering = {pid for pid, path in servers.items() if _answers(path)}
        for pid in answering:
            silences[pid] = Silence(hung_after_s)
        if servers:  # those that went were replaced
            silences = {pid: silence for pid, silence in silences.items() if pid in servers}
        for pid in [*silences]:
            if pid not in answering and silences[pid].lasts_too_long():
                _kill(pid)
                if not answering:  # the daemon may have started another already
                    _end(pid, hung_after_s)
                del silences[pid]
        # Of a silence each look counts a second at most, which the question may have taken.
        pause.wait(_LOOK_EVERY_S if answering == {*silences} else _SOON_S)


def _kill(pid: int) -> None:
    with suppress(psutil.Error):
        psutil.Process(pid).kill()


def _end(pid: int, hung_after_s: float) -> NoReturn:
    """End this process."""
    sys.stderr.write(  # into the log of this process
        f"the code server {pid} has not answered for {hung_after_s:g} s (hung_after_s): "
        "it is ended, and started again with this process\n"
    )
    sys.stderr.flush()
    os._exit(_EXIT_CODE)


def _code_servers() -> dict[int, str]:
    """Process and socket of each that this process has started."""
    found = {}
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            argv = child.cmdline()
            if "--socket" in argv[:-1]:
                found[child.pid] = argv[argv.index("--socket") + 1]
    return found


def _answers(path: str) -> bool:
    with grpc.insecure_channel(f"unix:{path}") as channel:
        try:
            HealthStub(channel).Check(
                HealthCheckRequest(service="DagsterApi"), timeout=_ANSWERS_IN_S
            )
        except grpc.RpcError:
            return False
    return True
