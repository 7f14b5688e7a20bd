"""A shop whose values are written to take over a terminal goes through every command."""

import json
import os
import pty
import sqlite3
import subprocess
import unicodedata
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from photosearch.files.walk import files_below
from tests.journeys.installation import Installation, argv, closed_hour, environment, search

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: Renames the window, clears the screen in two ways, rings, goes back, turns around, is markup.
HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x9b2J\b\r\u202egnp\u2066[/][red]:smile:\n0 damaged\x7f\u2028%s{x}"
)
#: What rich never writes of its own, so not even a terminal with colours may get it.
NEVER = [s.encode() for s in ("\x1b]", "\x1b[2J", "\x9b", "\x07", "\b", "\u202e", "\u2066", "\x7f")]
IDS = [f"{number}{HOSTILE}" for number in range(4)]
MISSING, PENDING, ERASED = IDS[1], IDS[2], IDS[3]


@pytest.fixture
def shop(tmp_path: Path) -> Installation:
    """Listings of which one is whole, one has no photo's file, one is not live, and one is to
    be erased; each text of theirs is hostile."""
    shop, hour = Installation(tmp_path), closed_hour()
    shop.configure()
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute(
            "CREATE TABLE listings (id TEXT PRIMARY KEY, title TEXT, price TEXT, category TEXT,"
            " status TEXT, listed_at TEXT)"
        )
        database.execute("CREATE TABLE photos (id TEXT PRIMARY KEY, listing_id TEXT, path TEXT)")
        for number, listing in enumerate(IDS):
            path = f"{listing}.jpg"
            if listing != MISSING:
                shop.put(path, shop.picture(number), hour.start)
            status = HOSTILE if listing == PENDING else "live"
            row = (listing, HOSTILE, HOSTILE, HOSTILE, status, f"{hour.start:%Y-%m-%d %H:%M:%S}")
            database.execute("INSERT INTO listings VALUES (?, ?, ?, ?, ?, ?)", row)
            database.execute("INSERT INTO photos VALUES (?, ?, ?)", (f"p{listing}", listing, path))
        odd = (f"4{HOSTILE}", HOSTILE, HOSTILE, HOSTILE, "live", HOSTILE)
        database.execute("INSERT INTO listings VALUES (?, ?, ?, ?, ?, ?)", odd)
    (tmp_path / "query.jpg").write_bytes(shop.picture(0))
    return shop


def test_no_command_hands_a_terminal_what_a_stranger_wrote(shop: Installation) -> None:
    window = closed_hour().key
    database = f"sqlite:///{shop.folder}/shop.db"

    told = seen(shop, "init", "--database", database, "--photos", "photos")
    assert "No price" in told
    told = on_a_terminal(shop, "materialize", "--window", window)
    assert "Photos that could not be used" in told
    with shop.running("deployer", "api") as client:
        assert search(client, shop.picture(0))["results"][0]["title"] == HOSTILE
        told = seen(shop, "search", "query.jpg")
        assert "\\x1b]0;owned" in told
        on_a_terminal(shop, "search", "query.jpg")
        answer = document(shop, "search", "query.jpg", "--json")
        assert {one["listing_id"] for one in answer["results"]} == {IDS[0], ERASED}
        assert {one["title"] for one in answer["results"]} == {HOSTILE}
        seen(shop, "windows")
        assert document(shop, "windows", "--json")["complete"] in (True, False)
        seen(shop, "explain", MISSING)
        assert document(shop, "explain", PENDING, "--json")["listing_id"] == PENDING
        seen(shop, "explain", f"nobody{HOSTILE}", code=1)
        on_a_terminal(shop, "explain", IDS[0])
        seen(shop, "erase", "--photo-too", ERASED)
        receipt = document(shop, "erase", ERASED, "--json")
        assert len(receipt["photos"]) == 1  # a receipt names both by digests alone
    seen(shop, "versions", window)
    assert document(shop, "versions", window, "--json")
    seen(shop, "verify")
    seen(shop, "gc", "--dry-run")
    assert "kept" in document(shop, "gc", "--json")
    seen(shop, "settings")
    seen(shop, "rollback", HOSTILE, "x", code=1)
    seen(shop, "versions", HOSTILE, code=1)
    for log in [shop.folder / "api.txt", shop.folder / "deployer.txt", *logs(shop)]:
        assert acting(log.read_bytes().decode(errors="replace")) == [], log


def seen(shop: Installation, *words: str, code: int | None = 0) -> str:
    """What a command printed, both ways, of which a terminal would obey nothing."""
    ended = subprocess.run(argv(*words), cwd=shop.folder, env=environment(), capture_output=True)
    out, error = ended.stdout.decode(), ended.stderr.decode()

    assert acting(out + error) == [], (words, out, error)
    assert "Traceback" not in error, error
    assert code is None or ended.returncode == code, (words, out, error)
    return out + error


def document(shop: Installation, *words: str) -> Any:
    ended = subprocess.run(argv(*words), cwd=shop.folder, env=environment(), capture_output=True)

    assert acting((ended.stdout + ended.stderr).decode()) == []
    assert b"Traceback" not in ended.stderr
    return json.loads(ended.stdout)


def on_a_terminal(shop: Installation, *words: str) -> str:
    """The same with colours and moving bars, where only rich's own sequences may come."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        argv(*words),
        cwd=shop.folder,
        env={**environment(), "TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as child:
        os.close(theirs)
        told = b""
        while part := _read(ours):
            told += part
    os.close(ours)

    assert child.returncode == 0, told.decode(errors="replace")
    assert b"Traceback" not in told
    assert [sign for sign in NEVER if sign in told] == [], told
    return told.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux's way to say that the other end is closed
        return b""


def acting(text: str) -> list[str]:
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return [sign for sign in text if unicodedata.category(sign) in kinds and sign not in "\n\t"]


def logs(shop: Installation) -> list[Path]:
    state = shop.settings.state
    return [file for file in files_below(state) if file.suffix in (".log", ".err", ".out")]
