"""``photosearch versions`` and ``photosearch rollback`` as a person runs them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from photosearch.cli import main
from photosearch.repository.addresses import Address
from photosearch.repository.manifest import Manifest
from photosearch.windows import Window
from tests.repository.artifacts import FINGERPRINT, HOUR, Shelf, as_input

KEY = "hourly/2026-11-22T14"
DAY = "daily/2026-11-22"
VECTORS = Address.embeddings(FINGERPRINT, Window.parse(KEY))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A repository with an embedder, where the commands look for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in os.environ:
        if name.startswith("PHOTOSEARCH_"):
            monkeypatch.delenv(name)
    shelf = Shelf(tmp_path / ".photosearch" / "repository", tmp_path / "work")
    shelf.made_current(b"network", Address.embedders(), version=FINGERPRINT)
    return shelf


def hour(shop: Shelf, content: bytes, **given: Any) -> Manifest:
    """A version of the hour made from embeddings of its own, as current one."""
    vectors = shop.made_current(content + b" vectors", VECTORS)
    inputs = [as_input(vectors)]
    if "quantiser" in given:
        inputs.append(as_input(shop.publish(b"codebook", Address.quantisers(FINGERPRINT))))
    return shop.made_current(content, inputs=inputs, **given)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    code, out, err = run(capsys, *words)
    assert (code, out) == (1, "")
    return err


def test_versions_tells_of_each_what_it_is_and_in_what_it_differs(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    first = hour(shop, b"1", run_id="8f14e45f-ceea-467f", recall=0.95)
    second = hour(shop, b"2")

    code, out, _ = run(capsys, "versions", KEY)

    assert code == 0
    (newer, older) = out.splitlines()[1:]
    assert newer.split()[:3] == [second.version, "current", "1"]
    assert older.split()[:2] == [first.version, "1"]
    assert "8f14e45f exact" in " ".join(older.split())
    assert "0.950" in older
    assert f"embeddings {first.inputs[0].version}" in older
    assert "embeddings" not in newer


def test_versions_as_json_is_for_programs(shop: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    hours = [hour(shop, b"1"), hour(shop, b"2")]
    shop.glued(DAY, [hours[0]])
    shop.glued(DAY, [hours[1]])

    _, out, _ = run(capsys, "versions", DAY, "--json")

    newer, older = json.loads(out)
    assert (newer["current"], older["current"]) == (True, False)
    assert older["differs"] == ["1 part: 2026-11-22T14"]
    assert newer["fingerprint"] == FINGERPRINT


def test_a_rollback_is_pinned_until_it_is_released(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = hour(shop, b"1"), hour(shop, b"2")

    code, out, _ = run(capsys, "rollback", KEY, first.version[:6])
    assert code == 0
    assert f"{KEY} is now version {first.version} (was {second.version}), pinned" in out
    assert shop.reopened().current(HOUR) == first
    assert run(capsys, "versions")[1] == f"{KEY}  {first.version}\n1 window is pinned\n"
    assert "current, pinned" in run(capsys, "versions", KEY)[1]

    assert "is released" in run(capsys, "rollback", KEY, "--release")[1]
    assert "is not pinned" in run(capsys, "rollback", KEY, "--release")[1]
    assert run(capsys, "versions", "--json")[1] == "{}\n"
    assert shop.reopened().current(HOUR) == first


def test_a_rollback_to_a_version_that_is_not_there_names_those_that_are(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    made = hour(shop, b"1")

    assert f"found {made.version}" in refused(capsys, "rollback", KEY, "0" * 16)
    assert "no version at all" in refused(capsys, "rollback", DAY, made.version)
    assert "needs a version, or --release" in refused(capsys, "rollback", KEY)
    assert "is written hourly/" in refused(capsys, "rollback", "yesterday", made.version)


def test_a_rollback_to_another_embedders_version_is_refused(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    made = hour(shop, b"1")
    shop.made_current(b"another network", Address.embedders(), version="f2")
    other = Address.index("f2", Window.parse(KEY))
    mine = shop.made_current(b"1", other)

    told = refused(capsys, "rollback", KEY, made.version)

    assert "made by another embedder: found f1, the limit is f2" in told
    assert shop.reopened().current(other) == mine
    assert "also under embedder f1" in run(capsys, "versions", KEY)[1]


def test_a_rollback_to_another_quantisers_version_is_refused(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    exact = hour(shop, b"1")
    codebook = shop.made_current(b"codebook", Address.quantisers(FINGERPRINT))
    hour(shop, b"2", quantiser=codebook.version)

    told = refused(capsys, "rollback", KEY, exact.version)

    assert f"found none: it is exact, the limit is {codebook.version}" in told


def test_a_rollback_to_a_version_that_was_never_served_is_refused(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    poor = hour(shop, b"1", recall=0.5)
    hour(shop, b"2")

    assert "found recall 0.5000" in refused(capsys, "rollback", KEY, poor.version)


def test_a_rollback_to_a_damaged_version_is_refused(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged, second = hour(shop, b"1"), hour(shop, b"2")
    (shop.version_folder(damaged) / "vectors.npy").write_bytes(b"x")

    assert "vectors.npy should have" in refused(capsys, "rollback", KEY, damaged.version)
    assert shop.reopened().current(HOUR) == second


@pytest.mark.parametrize("damaged", ["HEAD", "manifest.json"])
def test_a_rollback_mends_a_window_whose_current_version_cannot_be_read(
    shop: Shelf, capsys: pytest.CaptureFixture[str], damaged: str
) -> None:
    first, second = hour(shop, b"1"), hour(shop, b"2")
    path = shop.folder / HOUR.path / ("" if damaged == "HEAD" else second.version) / damaged
    path.write_bytes(b"{")

    assert first.version in run(capsys, "versions", KEY)[1]
    code, out, _ = run(capsys, "rollback", KEY, first.version)

    assert code == 0
    assert f"{KEY} is now version {first.version}" in out
    assert shop.reopened().current(HOUR) == first


def test_a_rollback_under_a_pinned_day_is_refused(
    shop: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    first = hour(shop, b"1")
    day = shop.glued(DAY, [first])
    hour(shop, b"2")
    run(capsys, "rollback", DAY, day.version)

    assert f"'photosearch rollback {DAY} --release'" in refused(
        capsys, "rollback", KEY, first.version
    )
