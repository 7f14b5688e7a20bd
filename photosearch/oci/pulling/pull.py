"""Images unpacked on this machine: each layer once, shared by the images that have it.

    layers/<digest>/    one layer's files, compared with its digest while it was unpacked
    images/<digest>/    the files of an image's layers, as hard links

Both appear under their name when they are whole, by a rename, so a reader sees all of an
image or nothing. Shared between packs: a new hour unpacks one layer of its pack.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from photosearch.files.locks import file_lock, locked_by_name
from photosearch.oci.documents import Descriptor, ImageManifest, is_digest, parse_document
from photosearch.oci.errors import DamagedImage, ImageMissing, RegistryRefused
from photosearch.oci.pulling.unpack import digest_of_files, files_in, unpack
from photosearch.oci.registry import ImageRegistry

_LOCK = "lock"
_UNPACKING = "unpacking"


def pull_image(
    registry: ImageRegistry,
    digest: str,
    folder: Path,
    *,
    layers: Callable[[Descriptor], bool],
    beside: Callable[[ImageManifest], Mapping[str, bytes]] = lambda _: {},
) -> Path:
    """The folder with the files of those ``layers`` of an image, and small files ``beside``.

    Raises:
        ImageMissing: if the registry lacks the image or a part of it.
        DamagedImage: if a part is not what its digest says.
        RegistryRefused: if the registry does not answer, or the disk refuses.
    """
    try:
        with file_lock(folder / _LOCK, shared=True):
            return _pull(registry, digest, folder, layers, beside)
    except OSError as error:
        raise RegistryRefused(
            f"image {digest} can't be unpacked in {folder}",
            found=str(error),
            remedy="see to the disk, then run this again",
        ) from error


def remove_unused_images(folder: Path, keep_digests: set[str], *, wait: bool = True) -> None:
    """Delete unpacked images but ``keep_digests``, and layers that no image shares.

    Raises:
        BlockingIOError: if an image is being unpacked and this is not to ``wait``.
    """
    if not folder.exists():
        return
    with file_lock(folder / _LOCK, wait=wait):
        for image in _entries(folder / "images"):
            if f"sha256:{image.name}" not in keep_digests:
                _remove(image)
        for layer in _entries(folder / "layers"):
            linked = (file.stat().st_nlink > 1 for file in layer.rglob("*") if file.is_file())
            if not any(linked):
                _remove(layer)
        for left in _entries(folder / _UNPACKING):
            shutil.rmtree(left)


def _pull(
    registry: ImageRegistry,
    digest: str,
    folder: Path,
    wanted: Callable[[Descriptor], bool],
    beside: Callable[[ImageManifest], Mapping[str, bytes]],
) -> Path:
    image = folder / "images" / _hex(digest)
    manifest = _manifest(registry, digest)
    layers = [layer for layer in manifest.layers if wanted(layer)]
    small = beside(manifest)
    with locked_by_name(folder / "locks", f"image/{digest}"):
        unpacked = []
        for layer in layers:
            with locked_by_name(folder / "locks", f"layer/{layer.digest}"):
                unpacked.append(_unpacked(registry, layer, folder))
        if not _is_whole(image, unpacked, small):
            with _staged(folder) as staged:
                _fill(staged, unpacked, small, digest)
                _remove(image)
                image.parent.mkdir(exist_ok=True)
                staged.rename(image)
    return image


def _manifest(registry: ImageRegistry, digest: str) -> ImageManifest:
    found = registry.document(digest)
    if found is None:
        raise ImageMissing(
            f"the registry has no image {registry.reference(digest)}",
            remedy="the sensor builds it again; or correct registry_url",
        )
    document = parse_document(found[0], digest)
    if not isinstance(document, ImageManifest):
        raise DamagedImage(f"{registry.reference(digest)} is no image", found="an index of images")
    return document


def _unpacked(registry: ImageRegistry, layer: Descriptor, folder: Path) -> Path:
    """The layer's folder, whole."""
    target = folder / "layers" / _hex(layer.digest)
    if os.path.lexists(target):
        if digest_of_files(target) == layer.digest:
            return target
        _remove(target)
    with _staged(folder) as staged, registry.open_blob(layer.digest) as chunks:
        unpack(chunks, staged, layer)
        target.parent.mkdir(exist_ok=True)
        staged.rename(target)
    return target


def _is_whole(image: Path, layers: list[Path], small: Mapping[str, bytes]) -> bool:
    """Whether the image's folder has the very files of these layers and the small ones, and
    nothing else: what somebody put there would be read with them."""
    found = files_in(image)
    if found is None:
        return False
    wanted = {file.relative_to(layer): file for layer in layers for file in _files_of(layer)}
    there = {file.relative_to(image): file for file in found}
    return there.keys() == wanted.keys() | {Path(name) for name in small} and all(
        there[Path(name)].read_bytes() == small[str(name)]
        if str(name) in small
        else there[name].samefile(wanted[name])
        for name in there
    )


def _files_of(layer: Path) -> list[Path]:
    found = files_in(layer)
    if found is None:  # since it was compared with its digest
        raise DamagedImage(f"{layer} was changed while it was used", remedy="run this again")
    return found


def _fill(image: Path, layers: list[Path], small: Mapping[str, bytes], digest: str) -> None:
    try:
        for layer in layers:
            for file in _files_of(layer):
                target = image / file.relative_to(layer)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(file, target)
        for name, content in small.items():
            (image / name).parent.mkdir(parents=True, exist_ok=True)
            with (image / name).open("xb") as written:  # never through a link into a layer
                written.write(content)
    except (FileExistsError, NotADirectoryError) as error:
        raise DamagedImage(
            f"image {digest} has two files in one place",
            found=str(error),
            remedy="delete the image; the sensor builds it again",
        ) from error


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """A folder that is taken away at the end if it was not renamed."""
    (folder / _UNPACKING).mkdir(exist_ok=True)
    staged = Path(tempfile.mkdtemp(dir=folder / _UNPACKING))
    try:
        staged.chmod(0o755)
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []


def _remove(folder: Path) -> None:
    """Take a folder away: first its name, so that nobody finds half of it."""
    if os.path.lexists(folder):
        unpacking = folder.parent.parent / _UNPACKING
        unpacking.mkdir(exist_ok=True)
        away = Path(tempfile.mkdtemp(dir=unpacking))
        folder.rename(away / folder.name)
        shutil.rmtree(away)


def _hex(digest: str) -> str:
    if not is_digest(digest):
        raise DamagedImage("digests are sha256: and 64 digits", found=digest)
    return digest.removeprefix("sha256:")
