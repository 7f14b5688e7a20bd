"""A code server of Dagster's that hangs goes, and the process that started it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

CODE_SERVER = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
import grpc
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
health = HealthServicer()
health.set("DagsterApi", HealthCheckResponse.SERVING)
server = grpc.server(ThreadPoolExecutor(2))
add_HealthServicer_to_server(health, server)
server.add_insecure_port("unix:" + sys.argv[-1])
server.start()
server.wait_for_termination()
"""
PARENT = f"""
import subprocess, sys, time
from photosearch_assets.processes import code_servers
asked = code_servers._answers
def told(path):
    answers = asked(path)
    if answers:
        print("answers", flush=True)
    return answers
code_servers._answers = told
code_servers._LOOK_EVERY_S = 0.2
child = subprocess.Popen([sys.executable, "-c", {CODE_SERVER!r}, "--socket", sys.argv[1]])
print(child.pid, flush=True)
code_servers.watch(float(sys.argv[2]))
child.wait()
time.sleep(600)
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process with one code server, of which it has had an answer."""
    argv = [sys.executable, "-c", PARENT, str(tmp_path / "socket"), "2"]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        yield process
        if process.poll() is None:
            for child in psutil.Process(process.pid).children():
                child.kill()
            process.kill()


def started(parent: "subprocess.Popen[str]") -> psutil.Process:
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert parent.stdout.readline() == "answers\n"
    return child


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_code_server_that_hangs_or_is_gone_is_ended_with_its_parent(
    parent: "subprocess.Popen[str]", number: signal.Signals
) -> None:
    child = started(parent)

    os.kill(child.pid, number)

    assert parent.wait(60) == 70
    assert parent.stdout is not None
    assert f"the code server {child.pid} has not answered for 2 s" in parent.stdout.read()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
