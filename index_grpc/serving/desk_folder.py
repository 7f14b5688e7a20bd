"""The desk of one machine: a folder with a file for each Serving that is asked for.

Files need no daemon and survive the death of whoever wrote them. A Serving that is let go
moves into a folder below, where the deployer alone looks: what is asked for is read
every second and stays small. Its file is written there before it goes here, so a writer that is
killed between leaves it asked for.
"""

import logging
import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError, model_validator

from index_grpc.serving.desk import (
    CrashingServing,
    DeskDamage,
    DeskError,
    DeskName,
    LetGoServing,
    RefusedBy,
    RefusedIndex,
)
from index_grpc.serving.desk_files import files_on_desk, note_damage, serving_damage
from index_grpc.serving.endpoints import EndpointFolder
from index_grpc.serving.serving import Serving, ServingError, SomeServing, read_as, read_serving
from photosearch.files.locks import file_lock
from photosearch.files.whole import write_whole
from photosearch.repository.seal import sealed_text

_log = logging.getLogger(__name__)

_LET_GO = "let-go"
_ASKED = "the Servings that are asked for"
_BY: tuple[RefusedBy, ...] = ("builder", "deployer")


class RefusedNote(BaseModel):
    """All that is refused by one of the two; a former release wrote the list alone."""

    refused: list[RefusedIndex]

    @model_validator(mode="before")
    @classmethod
    def _of_a_former_release(cls, told: object) -> object:
        return {"refused": told} if isinstance(told, list) else told


class CrashingNote(BaseModel):
    """All packs that crash; a former release wrote the list alone."""

    crashing: list[CrashingServing]

    @model_validator(mode="before")
    @classmethod
    def _of_a_former_release(cls, told: object) -> object:
        return {"crashing": told} if isinstance(told, list) else told


class FolderDesk:
    """The Servings in a folder and the endpoint files in another."""

    def __init__(self, folder: Path, endpoints: EndpointFolder) -> None:
        self._folder = folder
        self._let_go = folder / _LET_GO
        self._endpoints = endpoints

    @property
    def endpoints(self) -> EndpointFolder:
        return self._endpoints

    def is_there(self) -> bool:
        return self._folder.is_dir()

    def name(self) -> DeskName:
        identity = self._identity()
        if identity is None:
            with file_lock(self._folder / ".desk.lock"):
                identity = self._identity() or uuid.uuid4().hex
                # A copied folder has the file and another inode. A moved one keeps its own.
                write_whole(self._named, f"{identity} {self._folder.stat().st_ino}\n")
        # No whole path: a folder that may be moved does not write down where it is.
        place = Path(*self._folder.absolute().parts[-3:-1])
        return DeskName(identity, f"{place} on {socket.gethostname()}")

    def asked(self, *, strict: bool = False) -> Mapping[str, Serving]:
        return _read_all(self._folder, Serving, strict=strict)

    def let_go_of(self, *, strict: bool = False) -> Mapping[str, LetGoServing]:
        found = _read_all(self._let_go, LetGoServing, strict=strict)
        return {name: one for name, one in found.items() if not self._path(name).exists()}

    def ask(self, serving: Serving) -> None:
        if serving.image is None:
            raise ServingError(
                f"Serving {serving.name} names no image",
                remedy="build its image before asking for it",
            )
        write_whole(self._path(serving.name), sealed_text(serving))
        self.remove(serving.name)

    def let_go(self, name: str) -> None:
        path = self._path(name)
        try:
            serving = read_serving(path)
        except ServingError:  # nothing is asked for there that anybody could take back
            path.unlink(missing_ok=True)
            return
        let_go = LetGoServing(**serving.model_dump(), let_go_at=datetime.now(UTC))
        write_whole(self._let_go / path.name, sealed_text(let_go))
        path.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        (self._let_go / f"{name}.json").unlink(missing_ok=True)

    def refused(self, by: RefusedBy) -> list[RefusedIndex]:
        try:
            return RefusedNote.model_validate_json(self._refused(by).read_bytes()).refused
        except (FileNotFoundError, ValidationError):
            return []

    def tell_refused(self, by: RefusedBy, refused: Sequence[RefusedIndex]) -> None:
        write_whole(self._refused(by), sealed_text(RefusedNote(refused=list(refused))))

    def crashing(self) -> list[CrashingServing]:
        try:
            return CrashingNote.model_validate_json(self._crashing.read_bytes()).crashing
        except (FileNotFoundError, ValidationError):
            return []

    def tell_crashing(self, crashing: Sequence[CrashingServing]) -> None:
        write_whole(self._crashing, sealed_text(CrashingNote(crashing=list(crashing))))

    def one_asker(self) -> AbstractContextManager[None]:
        return file_lock(self._folder / ".lock")

    def damages(self, *, discard: bool = False) -> Iterator[DeskDamage]:
        notes: dict[Path, type[BaseModel]] = {self._refused(by): RefusedNote for by in _BY}
        notes[self._crashing] = CrashingNote
        found: list[tuple[Path, str | None, str, str | None]] = [
            (
                path,
                serving_damage(path, Serving),
                "'photosearch materialize' asks for it again",
                path.stem,
            )
            for path in files_on_desk(self._folder, _ASKED)
        ]
        found += [
            (path, serving_damage(path, LetGoServing), "nobody asks for it", None)
            for path in files_on_desk(self._let_go, _ASKED)
        ]
        found += [
            (path, note_damage(path, kind), "whoever refuses something writes it again", None)
            for path, kind in notes.items()
        ]
        for path, why, again, serving in found:
            if why is not None:
                if discard:
                    path.unlink(missing_ok=True)
                yield DeskDamage(str(path), why, again, serving)

    def _identity(self) -> str | None:
        try:
            identity, inode = self._named.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return identity if inode == str(self._folder.stat().st_ino) else None

    @property
    def _named(self) -> Path:
        return self._folder / ".desk"

    @property
    def _crashing(self) -> Path:
        return self._folder / ".crashing.json"

    def _refused(self, by: RefusedBy) -> Path:
        return self._folder / f".refused-by-{by}.json"

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _read_all(folder: Path, kind: type[SomeServing], *, strict: bool) -> dict[str, SomeServing]:
    servings = {}
    for path in files_on_desk(folder, _ASKED):
        try:
            serving = read_as(path, kind)
        except ServingError as error:
            if not path.exists():
                continue
            if strict:
                raise DeskError(
                    "a Serving that is asked for can't be read",
                    found=str(error),
                    limit="files that are as they were written",
                    remedy="run 'photosearch verify --discard' and 'photosearch materialize'",
                ) from error
            _log.warning("%s", error)
            continue
        servings[serving.name] = serving
    return servings
