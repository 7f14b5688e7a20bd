"""Whether files are what a manifest says, byte for byte.

ScaNN loads a flipped bit without a word, and numpy a truncated file with a puzzling one. So
every reader compares size and SHA-256 first (1.2 GB/s here, less than loading costs). What they
should be says the manifest, which could be anybody's: so its version is worked out again too,
whenever one is read, in half the time that parsing it takes.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from photosearch.files.digest import sha256_of
from photosearch.repository.addresses import MANIFEST, Address, Kind
from photosearch.repository.errors import MAKE_AGAIN, DamagedArtifact, RepositoryError
from photosearch.repository.manifest import (
    VERSION_DIGITS,
    FileEntry,
    Manifest,
    content_version,
    recipe_digest,
)
from photosearch.repository.seal import Seal, seal_of


def damages(manifest: Manifest, folder: Path, address: Address) -> Iterator[DamagedArtifact]:
    """One error for each file that is not as the manifest says, or that it does not name.

    Some files of an index are optional, and whoever opens a folder takes those that are there.
    """
    for name, entry in manifest.files.items():
        path = f"{address.folder(manifest.version)}/{name}"
        try:
            size = (folder / name).stat().st_size
            found = f"{size} bytes" if size != entry.size else None
            if found is None:
                sha256 = sha256_of(folder / name)
                found = f"sha256 {sha256}" if sha256 != entry.sha256 else None
        except FileNotFoundError:
            found = "no file"
        if found is not None:
            yield DamagedArtifact(
                f"{path} should have {entry.size} bytes and sha256 {entry.sha256}",
                found=found,
                remedy=MAKE_AGAIN,
            )
    for name in _unnamed(manifest, folder):
        yield DamagedArtifact(
            f"{address.folder(manifest.version)}/{name} belongs to no version",
            found="a file that the manifest beside it does not name",
            remedy=MAKE_AGAIN,
        )


def _unnamed(manifest: Manifest, folder: Path) -> list[str]:
    """Files that could be taken for the version's; what systems leave in folders is nobody's."""
    kinds = {Path(name).suffix for name in manifest.files}
    try:
        with os.scandir(folder) as entries:
            names = {entry.name for entry in entries if not entry.is_dir()}
    except FileNotFoundError:
        return []
    return sorted(
        name
        for name in names - manifest.files.keys() - {MANIFEST}
        if Path(name).suffix in kinds and not name.startswith(".")
    )


def contradictions(manifest: Manifest, address: Address, version: str) -> Iterator[DamagedArtifact]:
    """An error if the manifest of a version is not the one that was written there.

    What decides the content decides the version, so all of that can be worked out again.
    """
    is_embedder = address.kind is Kind.EMBEDDER  # whose version is its fingerprint
    fingerprint = version if is_embedder else address.fingerprint
    digest = recipe_digest(manifest.inputs, manifest.recipe)
    content = content_version(address.kind, address.window, fingerprint, digest, manifest.files)
    if address.kind is Kind.PHOTOS:  # whose readers work out the report's digest from the report
        content = manifest.report_digest[:VERSION_DIGITS]
    expected = {
        "kind": address.kind,
        "window": address.window,
        "fingerprint": fingerprint,
        "version": version,
        "recipe_digest": digest,
    }
    found = [
        f"{name} {getattr(manifest, name)} instead of {value}"
        for name, value in expected.items()
        if getattr(manifest, name) != value
    ]
    if not is_embedder and content != version:
        found.append(f"the content of version {content}")
    if found:
        yield DamagedArtifact(
            f"{address.manifest_path(version)} is not as it was written",
            found=", ".join(found),
            remedy=MAKE_AGAIN,
        )


def changed_manifest(content: bytes, path: str) -> Iterator[DamagedArtifact]:
    """An error if a manifest's bytes are not those that its checksum was taken over."""
    if seal_of(content, Manifest.model_fields) is Seal.BROKEN:
        yield DamagedArtifact(
            f"{path} is not as it was written",
            found="a checksum of other content, or none where there should be one",
            remedy=MAKE_AGAIN,
        )


def file_entry(path: Path) -> FileEntry:
    """Size and SHA-256 of a file.

    Raises:
        RepositoryError: if there is none.
    """
    try:
        return FileEntry(size=path.stat().st_size, sha256=sha256_of(path))
    except FileNotFoundError:
        raise RepositoryError("a file to publish is missing", found=str(path)) from None
