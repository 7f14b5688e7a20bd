"""The commands that ask over REST, as a person types them."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from index_grpc.serving.desk import CrashingServing, RefusedIndex
from index_grpc.serving.opening import open_desk
from index_grpc.serving.serving import ServedWindow
from photosearch.address import authority, base_url, listen
from photosearch.settings.settings import load_settings
from tests.api.conftest import StartApi
from tests.api.shop import Servers, Shop


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "photosearch", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "140", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def photo(shop: Shop, tmp_path: Path) -> Path:
    file = tmp_path / "query photo.jpg"
    file.write_bytes(shop.photo_bytes("lamps/item 13.jpg"))
    return file


def test_search_prints_a_table_and_what_was_searched(
    whole: httpx.Client, photo: Path, tmp_path: Path
) -> None:
    found = run("search", str(photo), "-k", "3", "--url", str(whole.base_url), cwd=tmp_path)

    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    assert "listing" in lines[0]
    assert "lamps/item 13" in lines[1]
    assert "Lamp no. 13" in lines[1]
    assert "monthly/2026-10" in lines[1]
    assert "complete: 5 windows of 3 index servers, up to 2026-11-03 02:00" in found.stdout


def test_search_says_when_all_that_was_found_is_hidden(
    start_api: StartApi, servers: Servers, photo: Path, tmp_path: Path
) -> None:
    servers.serve_all()
    api = start_api(live_status="active")

    found = run("search", str(photo), "--url", str(api.base_url), cwd=tmp_path)

    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("no listing that may be shown: 60 listings found, all hidden\n")
    assert "hidden: 60 listings: its status is 'live', live_status is 'active'" in found.stdout


def test_search_json_prints_the_rest_answer(
    whole: httpx.Client, photo: Path, tmp_path: Path
) -> None:
    found = run(
        "search", str(photo), "-k", "2", "--json", "--url", str(whole.base_url), cwd=tmp_path
    )

    answer = json.loads(found.stdout)
    assert [len(answer["results"]), answer["coverage"]["complete"]] == [2, True]


def test_windows_prints_the_cover_with_neighbours_folded(
    whole: httpx.Client, tmp_path: Path
) -> None:
    shown = run("windows", "--url", str(whole.base_url), cwd=tmp_path)

    assert shown.returncode == 0, shown.stderr
    month, days, hours = (" ".join(line.split()) for line in shown.stdout.splitlines()[1:4])
    assert month.startswith("monthly/2026-10 2026-10-01 2026-11-01 ")
    assert days.startswith("2 days 2026-11-01 2026-11-03 2 versions ")
    assert hours.startswith("2 hours 2026-11-03 2026-11-03 02:00 2 versions ")
    assert "hourly: 50 of 794 ready, 744 missing" in shown.stdout


def test_windows_tells_what_is_not_served_and_why(
    whole: httpx.Client, shop: Shop, tmp_path: Path
) -> None:
    held = ServedWindow(window="daily/2026-11-01", version="v1")
    crashing = CrashingServing(
        name="days-1",
        windows=(held,),
        apart=(),
        reason="killed by SIGSEGV, after 'Segmentation fault'; see days-1.log",
        crashes=4,
        retry_at=datetime(2026, 11, 3, 2, 30, tzinfo=UTC),
    )
    refused = RefusedIndex(
        window="daily/2026-11-02",
        version="v2",
        reason="vectors.npy is cut off",
        retry_at=datetime(2026, 11, 3, 2, 31, tzinfo=UTC),
    )
    open_desk(shop.settings).tell_crashing([crashing])
    open_desk(shop.settings).tell_refused("builder", [refused])

    limit = time.monotonic() + 30
    while not (troubles := whole.get("/v1/windows").json()["troubles"]):
        assert time.monotonic() < limit
        time.sleep(0.1)
    shown = run("windows", "--url", str(whole.base_url), cwd=tmp_path, COLUMNS="300")

    assert [one["what"] for one in troubles] == [
        "Serving days-1 (daily/2026-11-01)",
        "daily/2026-11-02 version v2",
    ]
    assert "not served: Serving days-1 (daily/2026-11-01)" in shown.stdout
    assert "crashed 4 times as it loaded: killed by SIGSEGV, after 'Segmen" in shown.stdout
    assert "tried again 2026-11-03 02:30:00 UTC; what answered before goes on" in shown.stdout
    assert "vectors.npy is cut off" in shown.stdout


def test_windows_all_prints_a_line_a_window_and_json_everything(
    whole: httpx.Client, tmp_path: Path
) -> None:
    every = run("windows", "--all", "--url", str(whole.base_url), cwd=tmp_path)
    as_json = run("windows", "--json", "--url", str(whole.base_url), cwd=tmp_path)

    cover = json.loads(as_json.stdout)["cover"]
    assert len(cover) == 5
    for window in cover:
        assert window["version"] in every.stdout
        assert f"{window['window']} " in every.stdout
        assert window["served_by"] in every.stdout


def test_without_an_api_the_remedy_is_named(photo: Path, tmp_path: Path) -> None:
    for command in (["search", str(photo)], ["windows"]):
        refused = run(*command, "--url", "http://127.0.0.1:9", cwd=tmp_path)

        assert refused.returncode == 1
        assert "photosearch up" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_problem_of_the_api_is_one_line(whole: httpx.Client, tmp_path: Path) -> None:
    letter = tmp_path / "letter.jpg"
    letter.write_text("Dear Sir or Madam")

    refused = run("search", str(letter), "--url", str(whole.base_url), cwd=tmp_path)
    missing = run("search", "no.jpg", "--url", str(whole.base_url), cwd=tmp_path)

    assert refused.returncode == missing.returncode == 1
    assert "letter.jpg" in refused.stderr
    assert "no.jpg" in missing.stderr
    assert "Traceback" not in refused.stderr + missing.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_api_runs_as_a_process_and_ends_when_told(
    shop: Shop, tmp_path: Path, host: str
) -> None:
    (tmp_path / "photosearch.toml").write_text(
        f'state_dir = "{shop.settings.state}"\ntimeline_start = 2026-10-01T00:00:00Z\n'
        f'api_host = "{host}"\n'
    )
    with listen(host, 0)[0] as probe:
        port = str(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "photosearch", "api", "--port", port],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = base_url(host, int(port))
        ends = time.monotonic() + 60
        while True:
            try:
                health = httpx.get(f"{url}/healthz", trust_env=False)
                break
            except httpx.TransportError:
                assert process.poll() is None
                assert time.monotonic() < ends
                time.sleep(0.1)
        second = run("api", "--port", port, cwd=tmp_path)
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)

    assert health.json()["status"] == "ok"
    assert second.returncode == 1
    assert f"can't listen on {authority(host, int(port))}" in second.stderr
    assert "(api_host, api_port)" in second.stderr
    assert f"photosearch API on {url}/\n" in errors
    assert process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in errors


def test_the_process_is_ready_when_it_answers_at_all(tmp_path: Path) -> None:
    from api.processes import api

    spec = api(load_settings(base_dir=tmp_path, api_host="0.0.0.0", api_port=8181))
    unknown = api(load_settings(base_dir=tmp_path, api_port=0))

    assert spec.ready_url == "http://127.0.0.1:8181/healthz"
    assert spec.argv[-1] == "api"
    assert (unknown.ready_url, unknown.url) == (None, None)


def test_asking_imports_no_application(tmp_path: Path) -> None:
    code = (
        "import sys, photosearch.client.command, photosearch.client.client; "
        "print([n for n in ('fastapi', 'grpc', 'onnxruntime', 'uvicorn') if n in sys.modules])"
    )

    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )

    assert printed.stdout.strip() == "[]"
