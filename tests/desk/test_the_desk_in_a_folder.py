"""What a desk of files has to bear beside what all desks do."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from index_grpc.serving.desk import DeskError
from index_grpc.serving.desk_folder import FolderDesk
from index_grpc.serving.endpoints import EndpointFolder
from tests.desk.test_the_desk import HOURS, endpoint, serving


@pytest.fixture
def desk(tmp_path: Path) -> FolderDesk:
    return FolderDesk(tmp_path / "servings", EndpointFolder(tmp_path / "endpoints"))


def test_a_writer_that_was_killed_as_it_let_go_has_not_let_go(
    desk: FolderDesk, tmp_path: Path
) -> None:
    one = serving(HOURS[0])
    desk.ask(one)
    path = tmp_path / "servings" / f"{one.name}.json"
    asked = path.read_bytes()
    desk.let_go(one.name)

    path.write_bytes(asked)  # not yet unlinked

    assert desk.asked() == {one.name: one}
    assert desk.let_go_of() == {}


def test_a_desk_that_was_moved_is_the_same_and_a_copy_is_another(tmp_path: Path) -> None:
    def identity(folder: Path) -> str:
        return FolderDesk(folder / "servings", EndpointFolder(folder / "endpoints")).name().identity

    first = identity(tmp_path / "first")
    moved = (tmp_path / "first").rename(tmp_path / "moved")
    copied = Path(shutil.copytree(moved, tmp_path / "copied"))

    assert identity(moved) == first
    assert identity(copied) != first
    assert identity(copied) == identity(copied)


READS: list[Callable[[FolderDesk], object]] = [
    lambda desk: desk.asked(),
    lambda desk: desk.let_go_of(),
    lambda desk: desk.endpoints.read(),
    lambda desk: desk.endpoints.own(),
]


@pytest.mark.parametrize("read", READS)
def test_what_can_not_be_listed_is_not_empty(
    desk: FolderDesk, tmp_path: Path, read: Callable[[FolderDesk], object]
) -> None:
    assert not read(desk)
    in_the_way = tmp_path / "file"
    in_the_way.write_text("where a folder should be")

    with pytest.raises(DeskError, match=r"can't be read in .*: found Not a directory"):
        read(FolderDesk(in_the_way, EndpointFolder(in_the_way)))


def test_a_server_whose_file_can_not_be_read_is_no_answer_for_who_deletes(
    desk: FolderDesk, tmp_path: Path
) -> None:
    desk.endpoints.announce(endpoint("a"))
    (tmp_path / "endpoints" / "b.json").write_bytes(b"{")

    assert desk.endpoints.read() == [endpoint("a")]
    with pytest.raises(DeskError, match=r"an index server holds can't be read: found .*b\.json"):
        desk.endpoints.read(strict=True)
