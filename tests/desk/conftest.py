"""A desk behind its port: whatever is behind it, the same tests hold it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from index_grpc.serving.desk import Endpoint, ServingDesk
from index_grpc.serving.desk_folder import FolderDesk
from index_grpc.serving.endpoints import EndpointFolder


@dataclass(frozen=True)
class Desk:
    """A desk, and what its port has no word for."""

    #: The same desk, as another process opens it.
    open: Callable[[], ServingDesk]
    announce: Callable[[Endpoint], None]
    withdraw: Callable[[str], None]
    #: Makes what is kept of a Serving that is asked for unreadable.
    damage: Callable[[str], None]


def _in_a_folder(folder: Path) -> Desk:
    endpoints = EndpointFolder(folder / "endpoints")
    servings = folder / "servings"

    def damage(name: str) -> None:
        (servings / f"{name}.json").write_bytes(b"{")

    return Desk(
        open=lambda: FolderDesk(servings, endpoints),
        announce=endpoints.announce,
        withdraw=endpoints.withdraw,
        damage=damage,
    )


MAKERS = {"folder": _in_a_folder}


@pytest.fixture(params=MAKERS)
def make_desk(request: pytest.FixtureRequest) -> Callable[[Path], Desk]:
    """Makes an empty desk in a folder of the test's."""
    return MAKERS[request.param]


@pytest.fixture
def desk(make_desk: Callable[[Path], Desk], tmp_path: Path) -> Desk:
    """An empty one."""
    return make_desk(tmp_path)
