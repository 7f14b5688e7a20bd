"""What leaves a bounded folder, and in which order."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from photosearch.files import bounded
from photosearch.files.bounded import Entry, make_room, remove_all
from photosearch.files.leases import keeping, names_kept


def entries(folder: Path, *names: str) -> list[Entry]:
    """Of 10 bytes each; the first was used last."""
    made = []
    for age, name in enumerate(names):
        path = folder / name
        path.write_bytes(b"x" * 10)
        made.append(Entry(path, name, 10, 1000.0 - age))
    return made


def test_those_used_longest_ago_go_until_there_is_room(tmp_path: Path) -> None:
    kept = entries(tmp_path, "late", "early", "earliest")

    gone = make_room(kept, 11, Path.unlink)

    assert [entry.path.name for entry in gone] == ["earliest", "early"]
    assert [path.name for path in tmp_path.iterdir()] == ["late"]


def test_where_there_is_room_nothing_goes_and_nobody_is_asked(tmp_path: Path) -> None:
    kept = entries(tmp_path, "a")

    assert make_room(kept, 0, Path.unlink, leases=tmp_path / "pins") == []
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_leased_stays_and_the_next_goes_in_its_place(tmp_path: Path) -> None:
    kept = entries(tmp_path, "late", "early", "earliest")

    pins = tmp_path / "pins"

    with keeping(pins, ["earliest"]):
        assert make_room(kept, 10, Path.unlink, leases=pins) == [kept[1]]
        assert remove_all(kept[::2], Path.unlink, leases=pins) == [kept[0]]
    assert (tmp_path / "earliest").exists()


def test_nobody_waits_for_a_lease_until_all_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million copies take their time, and a step that begins has none."""
    kept = [Entry(tmp_path, str(number), 1, number) for number in range(2500)]
    removed: list[Path] = []
    looks: list[int] = []

    @contextmanager
    def looked(folder: Path) -> Iterator[frozenset[str]]:
        looks.append(len(removed))
        with names_kept(folder) as names:
            yield names

    monkeypatch.setattr(bounded, "names_kept", looked)
    remove_all(kept, removed.append, leases=tmp_path / "pins")

    assert looks == [0, 1000, 2000]
    assert len(removed) == 2500
