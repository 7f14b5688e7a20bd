"""The files on the desk: which there are, and whether each is as it was written.

A folder that can't be listed is not an empty one: whoever took it for that would end servers and
delete images. A Serving's name follows from its content, and the rest of its file is sealed, as
are the notes of what is refused and what crashes.
"""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from index_grpc.serving.desk import DeskError
from index_grpc.serving.serving import Serving, read_as
from photosearch.errors import PhotosearchError
from photosearch.repository.seal import Seal, seal_of

_BROKEN = "a checksum of other content, or none where there should be one"


def files_on_desk(folder: Path, what: str) -> list[Path]:
    """The files in one of its folders; none if it is not there. ``what`` is said of them.

    Raises:
        DeskError: if they can't be listed.
    """
    try:
        return sorted(
            path for path in folder.iterdir() if path.suffix == ".json" and path.name[0] != "."
        )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DeskError(
            f"{what} can't be read in {folder}",
            found=error.strerror,
            limit="a folder that may be read",
            remedy="see that state_dir is mounted and belongs to who runs this",
        ) from error


def serving_damage(path: Path, kind: type[Serving]) -> str | None:
    """Why this is not the Serving that was written; None if it is, or is gone by now."""
    try:
        content = path.read_bytes()
        serving = read_as(path, kind)
        named = Serving.of(
            ((one.window, one.version) for one in serving.windows),
            fingerprint=serving.fingerprint,
            quantiser=serving.quantiser,
        ).name
    except FileNotFoundError:
        return None
    except OSError as error:
        return str(error.strerror)
    except PhotosearchError as error:
        return str(error.found or error) if path.exists() else None
    if not serving.name == named == path.stem:
        return f"the content of {named} under the name {serving.name}"
    return _BROKEN if _is_broken(content, kind) else None


def note_damage(path: Path, kind: type[BaseModel]) -> str | None:
    """Why this is not the note that was written; None if it is, or there is none."""
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
