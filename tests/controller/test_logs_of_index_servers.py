"""Index servers log as all other processes do: bounded, a time on each line, no colour."""

import json
import re
from pathlib import Path

import pytest

from controller.local.server_process import log_path
from photosearch.settings.settings import Settings
from tests.controller.conftest import Deployment
from tests.controller.crashing import Doom
from tests.controller.made_repository import made_settings

HOUR = "hourly/2026-11-23T05"
LOG_BYTES = 20_000


@pytest.fixture(params=["text", "json"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return made_settings(
        tmp_path, small_pack_bytes=0, log_format=request.param, log_bytes=LOG_BYTES, log_files=2
    )


def test_a_log_makes_way_while_its_server_runs_and_the_last_words_are_found(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doom = Doom(tmp_path / "doom", monkeypatch)
    doom.befall(deployment.made.hour(HOUR), how="talks")
    deployment.settle()
    [serving] = deployment.pids
    log = log_path(deployment.settings.logs_dir, serving)
    deployment.until(log.with_name(f"{log.name}.2").exists)

    deployment.always = {HOUR}
    doom.befall(deployment.made.hour(HOUR, edition=1))
    deployment.until(lambda: bool(deployment.refused))

    [refused] = deployment.refused
    assert "Fatal Python error: Segmentation fault" in refused.reason
    assert "time" not in refused.reason  # neither the form nor the times that the log gave
    assert not re.search(r"\dT\d\d:\d\d:\d\d", refused.reason.partition("; see ")[0])
    files = sorted(log.parent.glob(f"{log.name}*"))
    assert [file.name for file in files] == [log.name + tail for tail in ("", ".1", ".2")]
    for file in log.parent.iterdir():
        text = file.read_text()
        assert len(text) <= LOG_BYTES
        assert "\x1b" not in text
        for line in text.splitlines():
            told = json.loads(line)["time"] if line.startswith("{") else line
            assert re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", told), line
            assert line.startswith("{") == (deployment.settings.log_format == "json")


def test_logs_of_servers_beyond_the_number_go(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.local.server_process.LOGS_KEPT", 2)
    folder = log_path(deployment.settings.logs_dir, "x").parent
    folder.mkdir(parents=True)
    for name in ("a.log", "a.log.1", "b.log"):
        (folder / name).touch()

    deployment.made.hour(HOUR)
    deployment.settle()

    assert len(list(folder.iterdir())) == 2
