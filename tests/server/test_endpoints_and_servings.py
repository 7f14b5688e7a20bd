"""Endpoint files and Serving files: what deployer and query plane share."""

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_grpc.serving.desk import Endpoint, EndpointWindow
from index_grpc.serving.endpoints import EndpointFolder
from index_grpc.serving.local_process import name_process
from index_grpc.serving.serving import Serving, ServingError, read_serving
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from photosearch_operations.in_use import versions_in_use
from tests.waiting import until

DAY = Window.parse("daily/2026-11-22")
HOUR = Window.parse("hourly/2026-11-23T05")


def endpoint(serving: str, rows: int = 3) -> Endpoint:
    return Endpoint(
        serving=serving,
        address="127.0.0.1:4000",
        fingerprint="f",
        quantiser=None,
        windows=(EndpointWindow(window=DAY.key, version="v1", rows=rows),),
        process="1",
        ready_at=datetime(2026, 11, 23, tzinfo=UTC),
    )


def test_what_is_announced_is_found_until_it_is_withdrawn(tmp_path: Path) -> None:
    folder = tmp_path / "endpoints"
    assert EndpointFolder(folder).read() == []

    EndpointFolder(folder).announce(endpoint("b"))
    EndpointFolder(folder).announce(endpoint("a"))
    assert EndpointFolder(folder).read() == [endpoint("a"), endpoint("b")]

    EndpointFolder(folder).withdraw("a")
    EndpointFolder(folder).withdraw("a")
    assert EndpointFolder(folder).read() == [endpoint("b")]


def test_a_file_that_is_no_endpoint_does_not_hide_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    EndpointFolder(tmp_path).announce(endpoint("a"))
    (tmp_path / "broken.json").write_text('{"serving": "br')

    with caplog.at_level(logging.WARNING):
        found = EndpointFolder(tmp_path).read()

    assert found == [endpoint("a")]
    assert "broken.json" in caplog.text


def test_a_server_of_the_installation_that_a_folder_was_copied_from_is_not_its_own(
    tmp_path: Path,
) -> None:
    original, copied = tmp_path / "one", tmp_path / "two"
    own = original / "deployer/servings/a"
    own.mkdir(parents=True)
    waits = [sys.executable, "-c", "input()", "--serving", str(own / "serving.json")]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as server:
        announced = endpoint("a").model_copy(update={"process": name_process(server.pid)})
        EndpointFolder(original / "endpoints").announce(announced)
        shutil.copytree(original, copied)

        until(psutil.Process(server.pid).cmdline)  # none yet while the kernel loads it
        assert EndpointFolder(original / "endpoints").own() == [announced]
        assert EndpointFolder(copied / "endpoints").own() == []
        settings = Settings(base_dir=tmp_path, state_dir=Path("two"))
        assert versions_in_use(settings) == set()

        renamed = original.rename(tmp_path / "three")
        assert EndpointFolder(renamed / "endpoints").own() == [announced]
        server.communicate()


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    EndpointFolder(tmp_path).announce(endpoint("a"))
    stop = threading.Event()

    def rewrite() -> None:
        rows = 0
        while not stop.is_set():
            rows += 1
            EndpointFolder(tmp_path).announce(endpoint("a", rows))

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(300):
            assert len(EndpointFolder(tmp_path).read()) == 1
    finally:
        stop.set()
        writer.join()
    assert [path.name for path in tmp_path.iterdir()] == [EndpointFolder(tmp_path).path("a").name]


versions = st.text("0123456789abcdef", min_size=1, max_size=8)


@given(st.dictionaries(st.integers(0, 23), versions, min_size=1), versions)
def test_a_name_tells_contents_apart_and_is_a_dns_label(
    hours: dict[int, str], fingerprint: str
) -> None:
    windows = [(Window.parse(f"hourly/2026-11-22T{h:02}"), v) for h, v in hours.items()]

    serving = Serving.of(windows, fingerprint=fingerprint, quantiser=None)

    assert serving == Serving.of(reversed(windows), fingerprint=fingerprint, quantiser=None)
    others = [
        Serving.of(windows, fingerprint=fingerprint, quantiser="q"),
        Serving.of(windows, fingerprint=fingerprint + "0", quantiser=None),
        Serving.of([(windows[0][0], "x"), *windows[1:]], fingerprint=fingerprint, quantiser=None),
    ]
    assert len({serving.name, *(other.name for other in others)}) == 4
    assert len(serving.name) <= 63
    assert serving.name.replace("-", "").isalnum()
    assert serving.name == serving.name.lower()


def test_windows_that_overlap_are_no_serving() -> None:
    with pytest.raises(ServingError, match="overlap"):
        Serving.of(
            [(DAY, "v"), (Window.parse("hourly/2026-11-22T23"), "v")],
            fingerprint="f",
            quantiser=None,
        )


def test_no_windows_are_no_serving() -> None:
    with pytest.raises(ServingError, match="at least one"):
        Serving.of([], fingerprint="f", quantiser=None)


def test_a_serving_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    serving = Serving.of([(HOUR, "v2"), (DAY, "v1")], fingerprint="f", quantiser="q", tier="days")
    (tmp_path / "serving.json").write_text(serving.model_dump_json())

    assert read_serving(tmp_path / "serving.json") == serving
    assert [served.window for served in serving.windows] == [DAY, HOUR]


def test_a_serving_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"absent\.json can't be read"):
        read_serving(tmp_path / "absent.json")
    (tmp_path / "empty.json").write_text("{}")
    with pytest.raises(ServingError, match=r"empty\.json is no Serving file: found name"):
        read_serving(tmp_path / "empty.json")


def test_a_server_lives_whatever_time_the_machine_is_set_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = psutil.boot_time()
    is_alive = EndpointFolder(tmp_path).is_alive
    own = name_process(os.getpid())

    for days in (-3000, -3, 3, 3000):
        monkeypatch.setattr(psutil._pslinux, "boot_time", lambda d=days: began + d * 86_400)
        monkeypatch.setattr(psutil, "boot_time", lambda d=days: began + d * 86_400)
        assert is_alive(own)
        assert not is_alive(f"{os.getpid()}@1.0")
        assert not is_alive(own.replace(f"{os.getpid()}@", f"{2**22 - 1}@"))
        assert not is_alive("a pod's name")


def test_a_process_that_a_former_release_wrote_down_is_an_index_server_or_nobody(
    tmp_path: Path,
) -> None:
    endpoints = EndpointFolder(tmp_path)
    waits = [sys.executable, "-c", "input()", "index-server"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as server:
        written = endpoint("old").model_dump(mode="json", exclude={"process"})
        endpoints.path("old").write_text(json.dumps(written | {"pid": server.pid}))

        [old] = endpoints.read(strict=True)

        assert endpoints.is_alive(old.process)
        assert not endpoints.is_alive(str(os.getpid()))
        server.kill()
        while psutil.Process(server.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert not endpoints.is_alive(old.process)  # nobody waited for it yet
        server.communicate()
    assert not endpoints.is_alive(old.process)


def test_who_announces_itself_later_is_later_though_the_clock_was_set_back(tmp_path: Path) -> None:
    future = datetime.now(UTC) + timedelta(days=3)
    EndpointFolder(tmp_path).announce(endpoint("a").model_copy(update={"ready_at": future}))

    assert EndpointFolder(tmp_path).next_ready_at() > future
