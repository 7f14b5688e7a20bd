"""What an index server leaves beside its Serving file.

The folder of the Serving file is the server's own: where it listens is written there once the
port is bound, why it refused before it ends, and its temporary files are below. So whoever
started it, or a successor of that process, finds everything under one name.
"""

import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from index_grpc.server.loading import Refusal
from photosearch.files.whole import write_whole

Model = TypeVar("Model", bound=BaseModel)

#: Exit code of a server that refused its files (EX_DATAERR); trying again at once is useless.
REFUSED = 65


class Announcement(BaseModel):
    """Where a server listens."""

    model_config = ConfigDict(frozen=True)

    address: str
    pid: int


def announce(folder: Path, address: str) -> None:
    """Say where this process listens."""
    announcement = Announcement(address=address, pid=os.getpid())
    write_whole(folder / "announced.json", announcement.model_dump_json())


def read_announcement(folder: Path) -> Announcement | None:
    """The announcement in ``folder``, once there is one."""
    return _read(Announcement, folder / "announced.json")


def write_refusal(folder: Path, refusal: Refusal) -> None:
    """Say why the Serving is not served."""
    write_whole(folder / "refused.json", refusal.model_dump_json(indent=1))


def read_refusal(folder: Path) -> Refusal | None:
    """The refusal in ``folder``, if there is one."""
    return _read(Refusal, folder / "refused.json")


def clear(folder: Path) -> None:
    """Forget a former server in ``folder``, before another is started there."""
    for name in ("announced.json", "refused.json"):
        (folder / name).unlink(missing_ok=True)


def _read(kind: type[Model], path: Path) -> Model | None:
    try:
        return kind.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
