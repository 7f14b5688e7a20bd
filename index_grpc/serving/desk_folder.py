"""The Servings that are asked for on one machine: a folder with one file each.

Dagster writes them and the deployer runs them, so neither needs the other to be there; in a
cluster custom resources take their place. A Serving names its image by digest, and what was
asked once never changes under a name.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from index_grpc.serving.serving import ServedWindow, Serving, ServingError, read_serving
from photosearch.files.whole import write_whole
from photosearch.repository.seal import sealed_text
from photosearch.settings.settings import Settings
from photosearch.window_key import WindowKey
from photosearch.windows import Window

_log = logging.getLogger(__name__)

_CRASHING = ".crashing.json"


def write_serving(folder: Path, serving: Serving) -> None:
    """Ask for a Serving.

    Raises:
        ServingError: if it names no image.
    """
    if serving.image is None:
        raise ServingError(
            f"Serving {serving.name} names no image", remedy="build its image before asking for it"
        )
    write_whole(_path(folder, serving.name), sealed_text(serving))


def remove_serving(folder: Path, name: str) -> None:
    """Ask for a Serving no longer; its server answers until others hold all it does."""
    _path(folder, name).unlink(missing_ok=True)


def read_servings(folder: Path) -> Mapping[str, Serving]:
    """Every Serving asked for, by name; a file that can't be read is logged and left out."""
    servings = {}
    for path in serving_files(folder):
        try:
            serving = read_serving(path)
        except ServingError as error:
            if path.exists():
                _log.warning("%s", error)
            continue
        servings[serving.name] = serving
    return servings


class RefusedIndex(BaseModel):
    """An index that can't be served; its finer windows answer where they are ready."""

    model_config = ConfigDict(frozen=True)

    window: WindowKey
    version: str
    reason: str
    retry_at: datetime
    #: Whether packs are to be planned without it; else it is being tried again.
    left_out: bool = True
    #: How often it was refused in a row.
    times: int = 1
    #: Whether its server crashed. It is tried again on its own, so that it takes no other along.
    crashed: bool = False

    @property
    def key(self) -> tuple[Window, str]:
        """Window and version."""
        return (self.window, self.version)


RefusedBy = Literal["builder", "deployer"]


class RefusedNote(BaseModel):
    """All that is refused by one of the two; a former release wrote the list alone."""

    refused: list[RefusedIndex]

    @model_validator(mode="before")
    @classmethod
    def _of_a_former_release(cls, told: object) -> object:
        return {"refused": told} if isinstance(told, list) else told


def write_refused(settings: Settings, by: RefusedBy, refused: Sequence[RefusedIndex]) -> None:
    """Tell which indexes are refused, so that packs are planned without them.

    The builder of images refuses files that are not what their manifest says, and the
    deployer those that an index server refused.
    """
    write_whole(_refused_path(settings, by), sealed_text(RefusedNote(refused=list(refused))))


def read_refused(settings: Settings, by: RefusedBy) -> list[RefusedIndex]:
    """What was told last; nothing when nothing ever was."""
    try:
        note = RefusedNote.model_validate_json(_refused_path(settings, by).read_bytes())
        return note.refused
    except (FileNotFoundError, ValidationError):
        return []


class CrashingServing(BaseModel):
    """A pack whose index server crashes as it loads, or refuses it, without naming a window."""

    model_config = ConfigDict(frozen=True)

    name: str
    windows: tuple[ServedWindow, ...]
    #: Those that are to be served each on its own meanwhile, so that the one at fault is found.
    apart: tuple[ServedWindow, ...]
    #: How it ended last, with its last words.
    reason: str
    #: Whether the server ended by itself and said why, as of an image that nobody signed.
    refused: bool = False
    #: How often in a row.
    crashes: int
    retry_at: datetime


class CrashingNote(BaseModel):
    """All packs that crash; a former release wrote the list alone."""

    crashing: list[CrashingServing]

    @model_validator(mode="before")
    @classmethod
    def _of_a_former_release(cls, told: object) -> object:
        return {"crashing": told} if isinstance(told, list) else told


def write_crashing(settings: Settings, crashing: Sequence[CrashingServing]) -> None:
    """Tell which packs crash: packs are planned by it, and people are told."""
    note = CrashingNote(crashing=list(crashing))
    write_whole(settings.servings_dir / _CRASHING, sealed_text(note))


def read_crashing(settings: Settings) -> list[CrashingServing]:
    """What was told last; nothing when nothing ever was."""
    try:
        content = (settings.servings_dir / _CRASHING).read_bytes()
        return CrashingNote.model_validate_json(content).crashing
    except (FileNotFoundError, ValidationError):
        return []


def serving_files(folder: Path) -> list[Path]:
    """Where the Servings lie that are asked for."""
    return sorted(folder.glob("[!.]*.json"))


def notes_kept(settings: Settings) -> dict[Path, type[BaseModel]]:
    """Where the notes beside the Servings lie, and what each is."""
    by: tuple[RefusedBy, ...] = ("builder", "deployer")
    refused: dict[Path, type[BaseModel]] = {_refused_path(settings, one): RefusedNote for one in by}
    return {**refused, settings.servings_dir / _CRASHING: CrashingNote}


def _refused_path(settings: Settings, by: RefusedBy) -> Path:
    return settings.servings_dir / f".refused-by-{by}.json"


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"
