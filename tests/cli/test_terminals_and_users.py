"""The command line runs on terminals, and as users, that its makers don't have."""

import gc
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from photosearch.errors import PhotosearchError
from photosearch.object_store import open_object_store
from photosearch.oci.remote.docker_config import stored_credentials
from photosearch.settings.home import expanded, looked_up
from photosearch.settings.settings import Settings
from photosearch.terminal.terminal import Terminal

TITLE = "Grüße 空 👩‍🚀 \x1b[31m"
ENCODINGS = [
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "TERM": "dumb"},
    {"NO_COLOR": "1", "COLUMNS": "1"},
]
_SAY = f"""
import sys
from rich.progress import Progress, SpinnerColumn, TextColumn
from photosearch.terminal.terminal import Terminal, make_streams_whole, say, say_json
make_streams_whole()
terminal = Terminal()
with Progress(SpinnerColumn(finished_text="✓"), TextColumn("x"), console=terminal) as bars:
    bars.add_task("", total=1, completed=1)
terminal.print("✓ ✗ …", {TITLE!r})
say({TITLE!r})
say_json({{"title": {TITLE!r}}})
""".encode("ascii", "backslashreplace").decode()  # as an argument under LC_ALL=C


def environment(changes: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "LC_ALL"} | changes


@pytest.mark.parametrize("changes", ENCODINGS, ids=str)
def test_signs_that_a_pipe_cannot_take_have_a_stand_in(changes: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _SAY], env=environment(changes), capture_output=True
    )

    assert ended.stderr == b""
    assert ended.returncode == 0
    text = ended.stdout.decode(changes.get("PYTHONIOENCODING", "utf-8"))
    assert json.loads(text[text.rindex("{") :]) == {"title": TITLE}


@pytest.mark.parametrize("changes", ENCODINGS, ids=str)
def test_signs_that_a_terminal_cannot_show_have_a_stand_in(changes: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", _SAY],
        env=environment({"TERM": "xterm"} | changes),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as child:
        os.close(theirs)
        told = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not part:
                break
            told += part
    os.close(ours)

    assert child.returncode == 0
    assert b"Traceback" not in told
    assert b"\\x1b[31m" in told.replace(b"\r\n", b"")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_stream_that_is_closed_ends_nothing(tmp_path: Path, number: int) -> None:
    command = f"{sys.executable} -m photosearch settings {number}>&-"
    if number == 0:
        command = command.replace("0>&-", "0<&-")

    ended = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True)

    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    ended = subprocess.run(
        [sys.executable, "-m", "photosearch", "settings"],
        cwd=tmp_path,
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)

    assert ended.returncode == 1
    assert ended.stderr == b""


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without HOME and without an entry in the list of users."""

    def unknown(_uid: int) -> None:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in list(os.environ):
        if name.startswith(("AWS_", "DOCKER_")):
            monkeypatch.delenv(name)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_a_bucket_and_a_registry_are_opened() -> None:
    assert looked_up("~/.aws/config") is None
    open_object_store("s3://bucket/x", Settings(s3_endpoint="http://127.0.0.1:9"))
    assert stored_credentials("127.0.0.1:9") is None


@pytest.mark.usefixtures("homeless")
def test_without_a_home_a_path_in_it_is_one_line() -> None:
    with pytest.raises(PhotosearchError, match=r"'~/photos' can't be used.*set HOME"):
        expanded("~/photos")
    with pytest.raises(PhotosearchError, match="set HOME"):
        _ = Settings(state_dir=Path("~/state")).state


def test_a_terminal_that_is_apart_ends_in_silence_when_nobody_reads() -> None:
    said = (
        "from photosearch.terminal.terminal import Terminal\n"
        "terminal = Terminal(apart=True)\n"
        "try: terminal.print('x' * 100)\n"
        "except SystemExit: pass\n"
    )
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as nobody:
        done = subprocess.run(
            [sys.executable, "-c", said], stdout=nobody, stderr=subprocess.PIPE, check=False
        )

    assert done.stderr == b""


def test_a_terminal_that_is_apart_gives_its_descriptor_back(
    capfd: pytest.CaptureFixture[str],
) -> None:
    gc.collect()
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    terminal = Terminal(apart=True)
    terminal.print("shown")
    del terminal
    gc.collect()
    assert capfd.readouterr().out == "shown\n"
    assert set(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208
