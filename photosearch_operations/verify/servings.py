"""Whether the Servings that are asked for are what was asked.

A Serving's name follows from its content, the rest of the file is sealed, and so are the notes
of what is refused. A Serving whose file was lost is asked for by the next comparison; where none
runs it is gone with its server, so an image that is there and planned tells of it.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from index_grpc.serving.desk_folder import notes_kept, read_servings, serving_files
from index_grpc.serving.serving import Serving, read_serving
from index_grpc.shipping.reconcile import ServingPlacer
from photosearch.errors import PhotosearchError
from photosearch.repository.seal import Seal, seal_of
from photosearch.settings.settings import Settings
from photosearch.terminal.wording import counted

_BROKEN = "a checksum of other content, or none where there should be one"


def changed_servings(
    settings: Settings, *, discard: bool = False, looked_at: list[str] | None = None
) -> Iterator[str]:
    """One line for each file of a Serving, or note beside, that is not as it was written, and
    for each Serving whose image is there and that nobody asks for."""
    files = serving_files(settings.servings_dir)
    found = {path: why for path in files if (why := _of_serving(path)) is not None}
    notes = notes_kept(settings)
    found |= {path: why for path, kind in notes.items() if (why := _of_note(path, kind))}
    for path, why in found.items():
        again = (
            "whoever refuses something writes it again"
            if path in notes
            else "'photosearch materialize' asks for it again"
        )
        if discard:
            path.unlink(missing_ok=True)
        done = "discarded" if discard else "'photosearch verify --discard' deletes it"
        yield f"{path} is not as it was written: found {why}; {done}, and {again}"
    if looked_at is not None and files:
        looked_at.append(counted(len(files), "Serving"))
    yield from _not_asked_for(settings, {path.stem for path in found})


def _of_serving(path: Path) -> str | None:
    """Why this is not what was written; None if it is, or is gone by now."""
    try:
        content = path.read_bytes()
        serving = read_serving(path)
        named = Serving.of(
            ((one.window, one.version) for one in serving.windows),
            fingerprint=serving.fingerprint,
            quantiser=serving.quantiser,
        ).name
    except FileNotFoundError:
        return None
    except PhotosearchError as error:
        return str(error.found or error) if path.exists() else None
    if not serving.name == named == path.stem:
        return f"the content of {named} under the name {serving.name}"
    return _BROKEN if _is_broken(content, Serving) else None


def _of_note(path: Path, kind: type[BaseModel]) -> str | None:
    try:
        content = path.read_bytes()
        kind.model_validate_json(content)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        return error.errors(include_url=False)[0]["msg"]
    # A former release wrote a list alone, which has no place for a checksum.
    return _BROKEN if not content.startswith(b"[") and _is_broken(content, kind) else None


def _is_broken(content: bytes, kind: type[BaseModel]) -> bool:
    known = kind.model_fields
    # A former release wrote no end of line, and no checksum.
    return (
        seal_of(content, known) is Seal.BROKEN and seal_of(content + b"\n", known) is not Seal.NONE
    )


def _not_asked_for(settings: Settings, told: set[str]) -> Iterator[str]:
    try:
        compared = ServingPlacer.open(settings).compare()
    except (PhotosearchError, OSError):
        return  # told by whoever looks at the repository and at the registry
    if compared.unbuilt:
        return  # while images are built, those that are there wait for the others
    asked = read_servings(settings.servings_dir)  # now: they may have been asked for meanwhile
    for serving in compared.unasked:
        if serving.name not in asked and serving.name not in told:
            yield (
                f"Serving {serving.name} is not asked for: found its image {serving.image}; "
                "'photosearch materialize' asks for it"
            )
