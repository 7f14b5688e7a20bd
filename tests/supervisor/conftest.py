"""Small real processes under a real supervisor."""

import socket
import sys
import textwrap
from pathlib import Path

import pytest

from photosearch.processes.spec import ProcessSpec
from photosearch.settings.settings import SETTINGS_FILE, Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / SETTINGS_FILE).write_text(f"api_port = {port}\n")
    return load_settings(tmp_path / SETTINGS_FILE)


def said(settings: Settings, name: str = "script") -> str:
    """What a process's log holds by now."""
    file = settings.logs_dir / f"{name}.log"
    return file.read_text() if file.exists() else ""


def script(text: str, name: str = "script", **of: object) -> ProcessSpec:
    argv = [sys.executable, "-c", textwrap.dedent(text)]
    return ProcessSpec(name, argv, **of)  # type: ignore[arg-type]
