"""The commands that look after the repository, run as a person runs them."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from index_grpc.serving.desk import Endpoint, EndpointWindow
from index_grpc.serving.endpoints import EndpointFolder
from photosearch.cli import main
from photosearch.repository.addresses import Address
from photosearch.settings.settings import load_settings
from photosearch.windows import Granularity, Window
from tests.repository.artifacts import FINGERPRINT, HOUR, Shelf, as_input

VECTORS = Address.embeddings(FINGERPRINT, Window.parse("hourly/2026-11-22T14"))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A repository where the commands look for it."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("PHOTOSEARCH_"):
            monkeypatch.delenv(name)
    return Shelf(tmp_path / ".photosearch" / "repository", tmp_path / "work")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0), capsys.readouterr().out


def test_verify_names_what_is_damaged_and_discard_takes_it_away(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    made = shop.made_current(b"vectors")
    code, told = run(capsys, "verify")
    assert code == 0
    assert told.endswith("\n1 version read, 0 damaged\n")
    assert re.search("^looked at: 1 version in ", told, re.MULTILINE)
    assert "\nnot looked at: the catalogue, the photos, " in told
    (shop.version_folder(made) / "vectors.npy").write_bytes(b"vectorz")

    code, told = run(capsys, "verify")
    assert code == 1
    assert f"{HOUR.folder(made.version)}/vectors.npy should have 7 bytes" in told
    assert "photosearch verify --discard" in told

    code, told = run(capsys, "verify", "--discard")
    assert code == 0
    assert "photosearch materialize" in told
    code, told = run(capsys, "verify")
    assert code == 0
    assert "\n0 versions read, 0 damaged\nthere was nothing to look at: " in told
    assert shop.reopened().head(HOUR) is None


def test_verify_names_windows_that_a_clock_made_ahead_of_their_time(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    embedder = Address.embedders()
    shop.repository.set_head(embedder, shop.publish(b"e", embedder, version=FINGERPRINT).version)
    shop.made_current(b"right")
    ahead = Window.holding(Granularity.MONTHLY, datetime.now(UTC) + timedelta(days=40))
    shop.made_current(b"ahead", Address.index(FINGERPRINT, ahead))

    code, told = run(capsys, "verify")

    assert code == 1
    assert f"1 window made before their time was over, up to {ahead}" in told
    assert "0 damaged, 1 other problem" in told


def test_gc_tells_what_goes_and_keeps_what_an_index_server_holds(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    held, old, current = (shop.made_current(content) for content in (b"1", b"2", b"3"))
    EndpointFolder(load_settings().endpoints_dir).announce(
        Endpoint(
            serving="s",
            address="127.0.0.1:1",
            fingerprint=FINGERPRINT,
            quantiser=None,
            windows=(EndpointWindow(window="hourly/2026-11-22T14", version=held.version, rows=1),),
            process="1",
            ready_at=datetime.now(UTC),
        ),
    )
    words = ("gc", "--keep", "1", "--grace-hours", "0")

    code, told = run(capsys, *words, "--dry-run")
    assert code == 0
    assert f"{HOUR.path}/{old.version}" in told
    assert "1 would be deleted" in told
    assert len(shop.reopened().versions(HOUR)) == 3

    assert "1 deleted" in run(capsys, *words)[1]
    assert shop.reopened().versions(HOUR) == [current, held]


def test_a_dry_run_tells_of_every_version_why_it_goes_or_stays(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = [
        shop.publish(b"%d vectors" % number, VECTORS, run_id=f"run {number}") for number in range(4)
    ]
    old, first, second, third = (
        shop.made_current(b"%d" % number, inputs=[as_input(source)])
        for number, source in enumerate(sources)
    )
    shop.repository.rollback(HOUR, first.version)
    shop.made_current(b"day", Address.index(FINGERPRINT, Window.parse("daily/2026-11-22")))
    words = ("gc", "--keep", "2", "--grace-hours", "0", "--dry-run")

    told = run(capsys, *words)[1]
    assert f"{HOUR.path}/{old.version}  " in told
    assert "kept: 1 version," in told
    assert ": pinned" in told

    found = json.loads(run(capsys, *words, "--json")[1])
    reasons = {item["path"].rpartition("/")[2]: item["reason"] for item in found["kept"]}
    assert reasons[first.version] == "pinned"
    assert reasons[third.version] == "among the newest"
    # Rolling back made it young again, with what it was made from.
    assert reasons[sources[1].version] == "among the newest"
    assert {item["reason"] for item in found["removed"]} == {"nothing needs it"}
    removed = {item["path"].rpartition("/")[2] for item in found["removed"]}
    assert removed == {old.version, second.version, sources[0].version, sources[2].version}
    assert found["bytes"] == sum(item["bytes"] for item in found["removed"]) > 0
    assert "current" in reasons.values()
    assert len(shop.reopened().versions(HOUR)) == 4


def test_gc_by_default_takes_nothing_of_today(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        shop.made_current(b"%d" % number)

    assert "0 deleted" in run(capsys, "gc")[1]
    assert "5 versions kept" in run(capsys, "gc")[1]


def test_a_file_in_the_place_of_the_repository_is_told(
    shop: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models").write_text("")
    monkeypatch.setenv("PHOTOSEARCH_MODELS_URL", "models")

    with pytest.raises(SystemExit) as ended:
        main(["verify"])

    assert ended.value.code == 1
    assert f"{tmp_path}/models is no folder: found a file" in capsys.readouterr().err
