"""Artifacts to try a repository with: small files whose content is easy to tell apart."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Any

from photosearch.repository.addresses import Address
from photosearch.repository.manifest import Input, Manifest
from photosearch.repository.repository import Repository
from photosearch.repository.storage.opening import open_storage
from photosearch.repository.storage.port import Storage
from photosearch.windows import Window

FINGERPRINT = "f1"
HOUR = Address.index(FINGERPRINT, Window.parse("hourly/2026-11-22T14"))


@dataclass
class Shelf:
    """A repository in ``folder``, and a folder ``work`` where files are made for it."""

    folder: Path
    work: Path

    def __post_init__(self) -> None:
        self.repository = self.reopened()

    def reopened(self) -> Repository:
        """The same repository as another process sees it: nothing is remembered."""
        return Repository(self.storage())

    def storage(self) -> Storage:
        """The storage alone, of no repository yet."""
        return open_storage(self.folder.as_uri())

    def beside(self, name: str) -> "Shelf":
        """The same repository for another writer, who makes files in a folder of its own."""
        return Shelf(self.folder, self.work / name)

    def files(self, content: bytes) -> dict[str, Path]:
        """Two files, the second empty as an empty window's rows are."""
        self.work.mkdir(parents=True, exist_ok=True)
        files = {}
        for name, part in (("vectors.npy", content), ("rows.jsonl", b"")):
            files[name] = self.work / f"{name}-{os.getpid()}-{abs(hash(content))}"
            files[name].write_bytes(part)
        return files

    def publish(self, content: bytes, address: Address = HOUR, **given: Any) -> Manifest:
        known: dict[str, Any] = {"rows": 1, "dimension": 2, "inputs": [], "recipe": {"step": "t"}}
        return self.repository.publish(address, self.files(content), **(known | given))

    def made_current(self, content: bytes, address: Address = HOUR, **given: Any) -> Manifest:
        manifest = self.publish(content, address, **given)
        self.repository.set_head(address, manifest.version)
        return manifest

    def glued(self, window: str, parts: list[Manifest], **given: Any) -> Manifest:
        """The index of ``window`` made from the indexes ``parts``, as current version."""
        return self.made_current(
            f"{window} {[part.version for part in parts]}".encode(),
            Address.index(FINGERPRINT, Window.parse(window)),
            inputs=[as_input(part) for part in parts],
            **given,
        )

    def version_folder(self, manifest: Manifest, address: Address = HOUR) -> Path:
        return self.folder / address.folder(manifest.version)

    def make_old(self, path: Path, days: float = 3) -> None:
        """Set every file's time back; a version is as old as its youngest file."""
        moment = time.time() - days * 86_400
        for file in [path, *path.rglob("*")]:
            if file.is_file():
                os.utime(file, (moment, moment))

    def names(self) -> set[str]:
        """The paths of all files but locks."""
        return {
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file() and ".locks" not in path.parts
        }


def as_input(manifest: Manifest) -> Input:
    return Input(
        kind=manifest.kind,
        window=manifest.window,
        version=manifest.version,
        digest=manifest.digest,
    )


def in_process(work: Callable[[], None]) -> int:
    """Start ``work`` in a process of its own, ended without clean-up; its id."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return process


def end_of(process: int) -> int:
    """The exit code of a process, negative when a signal ended it."""
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def kill(process: int) -> None:
    os.kill(process, SIGKILL)
