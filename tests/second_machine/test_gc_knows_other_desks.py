"""gc with the same stores and another ``state_dir`` deletes nothing that others need."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from index_grpc.serving.desk_notes import FOLDER, LATELY, DeskNotes
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.contents import serving_images
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.cli import main
from photosearch.oci.opening import open_registry
from photosearch.repository.repository import Repository
from photosearch.settings.settings import SETTINGS_FILE, SETTINGS_VARIABLE
from tests.assets.conftest import Shop
from tests.erasure.conftest import make_all
from tests.second_machine.conftest import Machines


@pytest.fixture
def served(made: Machines) -> Machines:
    """The first machine asked for a Serving; then a photo came late, and nobody asked anew yet."""
    made.configure(registry_url=str(made.first.root / "registry"))
    assert reconcile_servings(made.first.settings).failed == []
    made.first.list_photo("p98.png", datetime(2026, 1, 1, 1, 50, tzinfo=UTC))
    make_all(made.first)
    return made


class Gc:
    """The command, as it is typed on one of the machines."""

    def __init__(self, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._patch = patch
        self._capsys = capsys

    def __call__(self, machine: Shop, *words: str) -> tuple[int, str]:
        self._patch.chdir(machine.root)
        self._patch.setenv(SETTINGS_VARIABLE, str(machine.root / SETTINGS_FILE))
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["gc", "--keep", "0", "--grace-hours", "0", *words])
        told = self._capsys.readouterr()
        return int(ended.value.code or 0), " ".join((told.out + told.err).split())


@pytest.fixture
def gc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gc:
    return Gc(monkeypatch, capsys)


def there(machine: Shop) -> tuple[set[object], set[str]]:
    """All versions, and the digests of all images."""
    settings = machine.settings
    images = {image.digest for image in serving_images(open_registry(settings))}
    return set(Repository.of(settings).everything()), images


def notes(machine: Shop) -> list[Path]:
    return [*(machine.root / "models" / FOLDER).glob("*")]


@pytest.mark.parametrize("asks_too", [False, True])
def test_nothing_is_deleted_while_another_desk_was_seen_lately(
    served: Machines, gc: Gc, *, asks_too: bool
) -> None:
    if asks_too:
        assert reconcile_servings(served.second.settings).failed == []
    before = there(served.first)

    for words in ([], ["--dry-run"]):
        code, told = gc(served.second, *words)

        assert code == 1
        assert "others serve from the same stores" in told
        assert f"found {served.first.root.name}/.photosearch on " in told
        assert "no other state_dir within 30 days; run it there" in told
    assert there(served.first) == before
    assert before[1]


def test_the_one_desk_that_there_is_may_delete(served: Machines, gc: Gc) -> None:
    _, images = there(served.first)
    assert reconcile_servings(served.first.settings).failed == []

    code, told = gc(served.first)

    assert code == 0, told
    assert images.isdisjoint(there(served.first)[1])
    assert there(served.first)[1]


def test_a_desk_that_was_not_seen_for_long_holds_nothing_up(served: Machines, gc: Gc) -> None:
    assert reconcile_servings(served.second.settings).failed == []
    [own] = [one for one in notes(served.first) if served.second.root.name in one.read_text()]
    for note in set(notes(served.first)) - {own}:
        past = (datetime.now(UTC) - LATELY - timedelta(minutes=1)).timestamp()
        os.utime(note, (past, past))

    assert gc(served.second)[0] == 0


def test_other_desks_can_be_forgotten_and_one_that_is_in_use_is_noted_again(
    served: Machines, gc: Gc
) -> None:
    versions, _ = there(served.first)
    code, _ = gc(served.second, "--forget-other-desks", "--dry-run")
    assert code == 0
    assert len(notes(served.first)) == 1
    code, _ = gc(served.second, "--forget-other-desks")
    assert code == 0
    assert notes(served.first) == []
    left, images = there(served.first)
    assert images == set()  # as it was told
    assert left < versions

    reconcile_servings(served.first.settings)

    assert len(notes(served.first)) == 1
    assert gc(served.second)[0] == 1


def test_images_that_were_asked_for_where_no_desk_was_noted_stay(served: Machines, gc: Gc) -> None:
    """As by a former release, or with another repository of models."""
    shutil.rmtree(served.first.root / "models" / FOLDER)
    before = there(served.first)

    code, told = gc(served.second)

    assert code == 1
    assert f"nothing was ever asked for in {served.second.settings.state}" in told
    assert "found 1 serving images" in told
    assert there(served.first) == before


def test_a_registry_that_does_not_answer_stops_who_was_never_asked_for_anything(
    served: Machines, gc: Gc
) -> None:
    shutil.rmtree(served.first.root / "models" / FOLDER)
    before = there(served.first)
    served.configure(second={"registry_url": "oci://127.0.0.1:9/shop"})

    code, told = gc(served.second)

    assert code == 1
    assert "127.0.0.1:9" in told
    served.configure(registry_url=str(served.first.root / "registry"))
    assert there(served.first) == before


@pytest.mark.parametrize("folder", ["servings", "servings/let-go", "endpoints"])
@pytest.mark.parametrize("damage", ["a damaged file", "no folder"])
def test_a_holder_that_can_not_be_read_stops_it_before_anything_is_deleted(
    served: Machines, gc: Gc, folder: str, damage: str
) -> None:
    path = served.first.settings.state / folder
    before = there(served.first)
    if damage == "no folder":
        if path.exists():
            path.rename(path.with_name("moved"))
        path.write_text("in the way of the folder")
    else:
        path.mkdir(exist_ok=True)
        (path / "damaged.json").write_text("{")

    code, told = gc(served.first)

    assert code == 1
    assert "can't be read" in told
    assert str(path) in told
    assert there(served.first) == before


def test_who_serves_notes_its_desk_again_and_again(served: Machines) -> None:
    desk = open_desk(served.first.settings)
    storage = Repository.of(served.first.settings).storage
    [note] = notes(served.first)
    os.utime(note, (1, 1))
    assert DeskNotes(storage).others(open_desk(served.second.settings)) == []

    DeskNotes(storage).note(desk)

    [seen] = DeskNotes(storage).others(open_desk(served.second.settings))
    assert seen.identity == desk.name().identity
    assert DeskNotes(storage).others(desk) == []
