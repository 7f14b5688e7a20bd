"""A password in the settings is in the settings' file, and nowhere that is made from it."""

import os
import sqlite3
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from photosearch.cli import main
from photosearch.settings.settings import SETTINGS_FILE
from tests.assets.conftest import START, Shop

MARKER = "Hunter2-q7-marker"


def run(shop: Shop, *words: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DAGSTER")}
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "photosearch", *words],
        cwd=shop.root,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def places(folder: Path) -> list[str]:
    """Where under ``folder`` the marker stands, also in what a database keeps compressed."""
    found = []
    for file in folder.rglob("*"):
        if not file.is_file() or file.name == SETTINGS_FILE:
            continue
        if MARKER.encode() in file.read_bytes():
            found.append(str(file))
        if file.suffix == ".db":
            found += [f"{file} {table}" for table, text in cells(file) if MARKER.encode() in text]
    return found


def cells(file: Path) -> Iterator[tuple[str, bytes]]:
    with sqlite3.connect(file) as database:
        tables = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in tables:
            for row in database.execute(f'select * from "{table}"'):
                for cell in row:
                    text = cell if isinstance(cell, bytes) else str(cell).encode()
                    with suppress(zlib.error):
                        text = zlib.decompress(text)
                    yield table, text
    database.close()


@contextmanager
def watched_arguments() -> Iterator[set[str]]:
    """The command lines with the marker, of all processes meanwhile."""
    found: set[str] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            for process in psutil.process_iter(["cmdline"]):
                line = " ".join(process.info["cmdline"] or [])
                if MARKER in line:
                    found.add(line)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


@pytest.mark.postgres
@pytest.mark.parametrize("runner", ["in_process", "subprocess"])
def test_what_is_made_holds_no_password(shop: Shop, postgres_url: str, runner: str) -> None:
    secret = f"user:{MARKER}@"
    shop.configure(
        database_url=postgres_url.replace("postgres@", f"postgres:{MARKER}@"),
        database_password=MARKER,
        registry_user="user",
        registry_password=MARKER,
        s3_endpoint=f"http://{secret}127.0.0.1:1",
        gcs_endpoint=f"http://{secret}127.0.0.1:1",
        step_runner=runner,
        timeline_start=START,
    )
    shop.list_hours(1, photos=2)

    with watched_arguments() as arguments:
        told = run(shop, "materialize", "--window", "hourly/2026-01-01T00")
        for words in (("verify",), ("settings",), ("gc",), ("explain", "p0.png")):
            told += run(shop, *words)

    assert places(shop.root) == []
    assert arguments == set()
    assert MARKER not in told


@pytest.mark.parametrize(
    "urls",
    [
        {"models_url": "s3://models", "s3_endpoint": f"http://user:{MARKER}@127.0.0.1:1"},
        {"models_url": f"s3://user:{MARKER}@models"},
        {"models_url": f"gs://{MARKER}@models"},
        {"models_url": "gs://models", "gcs_endpoint": f"http://user:{MARKER}@127.0.0.1:1"},
        {"photos_url": "s3://photos", "s3_endpoint": f"http://user:{MARKER}@127.0.0.1:1"},
    ],
    ids=lambda urls: ",".join(urls),
)
@pytest.mark.parametrize("command", ["materialize", "verify", "init"])
def test_a_password_in_the_url_of_a_store_is_refused_and_written_nowhere(
    shop: Shop,
    urls: dict[str, str],
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if command != "materialize" and "models_url" not in urls:
        return
    shop.list_hours(1, photos=1)
    shop.configure(**urls)
    monkeypatch.chdir(shop.root)

    with pytest.raises(SystemExit) as ended:
        main([command])

    out, told = capfd.readouterr()
    if command != "init":  # it looks at the catalogue alone
        assert ended.value.code == 1
        assert "names a user or a password" in told
        assert "AWS_ACCESS_KEY_ID" in told
    assert places(shop.root) == []
    assert MARKER not in out + told
