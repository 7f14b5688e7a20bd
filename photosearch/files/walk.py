"""Files below folders in which others work: what goes meanwhile is passed over.

``Path.rglob`` ends with an error when a folder goes while it looks, and ``os.walk`` passes over
folders that it may not read without a word, which to an erasure would be files without anything.
"""

import os
from collections.abc import Iterator
from pathlib import Path

ABSENT = (FileNotFoundError, NotADirectoryError)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below, at any depth; none if the folder is not there.

    Raises:
        OSError: if a folder can't be read.
    """
    for place, _, names in os.walk(folder, onerror=unless_absent):
        for name in names:
            yield Path(place, name)


def content_of(file: Path) -> bytes:
    """All of a file; nothing if it has gone meanwhile.

    Raises:
        OSError: if it can't be read.
    """
    try:
        return file.read_bytes()
    except ABSENT:
        return b""


def unless_absent(error: OSError) -> None:
    """What walks a folder goes on without one that has gone, and ends at one that it can't read:
    to gc its versions, and what they were made from, would be needed by nobody."""
    if not isinstance(error, ABSENT):
        raise error
