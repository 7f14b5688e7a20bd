"""The Serving of a folder: everything that lies in it.

An image has no Serving file. It would be one more layer to push for every new hour, and says
nothing that the image's indexes do not say themselves: which windows, which versions, which
quantiser. The name follows from these, so the server bears the name that it was asked for by.
"""

from pathlib import Path

from index_grpc.serving.serving import Serving, ServingError
from photosearch.errors import PhotosearchError
from photosearch.repository.addresses import MANIFEST, Address, Kind
from photosearch.repository.manifest import parse_manifest
from photosearch.windows import Window


def serving_of_folder(folder: Path) -> Serving:
    """The Serving of all indexes in a folder repository.

    Raises:
        ServingError: if there is none, or they do not go together.
    """
    windows: list[tuple[Window, str]] = []
    kinds: set[tuple[str, str | None]] = set()
    for file in sorted(folder.glob(f"windows/*/*/*/{Kind.INDEX}/*/{MANIFEST}")):
        path = file.relative_to(folder).as_posix()
        located = Address.locate(path)
        if located is None or located[0].window is None:
            continue
        try:
            manifest = parse_manifest(file.read_bytes(), path)
        except (PhotosearchError, OSError) as error:
            raise ServingError(f"{folder} can't be served", found=str(error)) from error
        windows.append((located[0].window, manifest.version))
        kinds.add((str(located[0].fingerprint), manifest.quantiser))
    if len(kinds) != 1:
        raise ServingError(
            f"{folder} can't be served as one pack",
            found=f"{len(kinds)} kinds of indexes (fingerprint and quantiser)",
            limit="1",
            remedy="name the folder of a serving image, or a Serving file",
        )
    fingerprint, quantiser = kinds.pop()
    return Serving.of(windows, fingerprint=fingerprint, quantiser=quantiser)
