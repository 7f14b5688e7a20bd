"""A file that appears whole or not at all.

Endpoint files, announcements and status files are read by other processes while they are
written. A rename within one folder is atomic, so a reader sees the old text or the new.
"""

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` (UTF-8) in one step; its folder is made when missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name starts with a dot: readers list *.json and never see a half-written file.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
