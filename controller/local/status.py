"""What the deployer tells about itself, in one file that anyone may read.

A refused index must not be visible in a log only: the file names every Serving with its
state, and every index that is left out and every Serving that crashes with the reason and the
time of the next try.
"""

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from controller.seen import ServingState
from index_grpc.serving.desk import CrashingServing, RefusedIndex
from photosearch.files.whole import write_whole
from photosearch.settings.settings import Settings
from photosearch.window_key import WindowKey


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ServingStatus(_Frozen):
    """One Serving: wanted or not yet retired."""

    name: str
    tier: str
    image: str | None
    state: ServingState
    wanted: bool
    windows: tuple[WindowKey, ...]
    address: str | None
    pid: int | None
    #: How often its process was started.
    starts: int
    #: Why it does not answer, or what its last failure was.
    reason: str | None


class DeployerStatus(_Frozen):
    """All of it, as of ``updated_at``."""

    pid: int
    fingerprint: str | None
    servings: tuple[ServingStatus, ...]
    refused: tuple[RefusedIndex, ...]
    crashing: tuple[CrashingServing, ...] = ()
    #: Why the repository could not be read; the Servings stay as they are meanwhile.
    problem: str | None
    updated_at: datetime

    @property
    def is_settled(self) -> bool:
        """Whether everything wanted is ready, and nothing else runs."""
        return all(
            serving.state is ServingState.READY and serving.wanted for serving in self.servings
        )


def deployer_dir(settings: Settings) -> Path:
    """The deployer's folder: its lock, its status, a folder for each Serving."""
    return settings.state / "deployer"


def write_status(settings: Settings, status: DeployerStatus) -> None:
    """Replace the status file."""
    write_whole(deployer_dir(settings) / "status.json", status.model_dump_json(indent=1))


def read_status(settings: Settings) -> DeployerStatus | None:
    """The status that the deployer wrote last, if there is one."""
    try:
        text = (deployer_dir(settings) / "status.json").read_bytes()
        return DeployerStatus.model_validate_json(text)
    except (FileNotFoundError, ValidationError):
        return None
