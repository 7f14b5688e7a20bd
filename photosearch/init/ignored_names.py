"""Files and folders that are left out by their names.

A disk of a NAS, of Windows or of a Mac holds folders that its system makes: thumbnails of every
photo, and what was deleted. Taken for photos they would double every listing and show again what
nobody sells any more. What a shop has of the kind itself is told by patterns.
"""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate

HIDDEN_FILES = "hidden files, whose names begin with a dot"
HIDDEN_FOLDERS = "hidden folders, whose names begin with a dot: not entered"

#: Without regard to case; what begins with a dot (.@__thumb, .Trashes, .zfs) is hidden anyway.
SYSTEM_FOLDERS = (
    *("@eaDir", "#recycle", "#snapshot", "@tmp", "@Recycle", "@Recently-Snapshot", "~snapshot"),
    *("$RECYCLE.BIN", "System Volume Information", "lost+found", "LOST.DIR"),
    *("__MACOSX", "Network Trash Folder", "Temporary Items", "TheVolumeSettingsFolder"),
)
SYSTEM_FILES = ("Thumbs.db", "ehthumbs.db", "desktop.ini")
_FOLDERS = {name.casefold(): name for name in SYSTEM_FOLDERS}
_FILES = {name.casefold(): name for name in SYSTEM_FILES}


class IgnoredNames:
    """What is left out of a folder of photos: hidden, a system's own, or named by ``patterns``.

    A pattern has ``*``, ``?`` and ``[...]``, and case does not count. Without a ``/`` it is
    compared with the name of every file and folder, with one inside it with the path from the
    folder of photos, of which ``*`` takes any part; at the end a ``/`` means folders alone.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = [(pattern, _matching(pattern)) for pattern in patterns]

    def why_folder(self, name: str, path: str) -> str | None:
        """Why the folder ``path``, called ``name``, is not entered; none if it is."""
        if name.startswith("."):
            return HIDDEN_FOLDERS
        if (known := _FOLDERS.get(name.casefold())) is not None:
            return f"{known} folders, which a system makes: not entered"
        for pattern, matches in self._patterns:
            if matches(path, True):
                return f"folders that photos_ignore leaves out ({pattern}): not entered"
        return None

    def why_file(self, name: str, path: str) -> str | None:
        """Why the file ``path``, called ``name``, is left out; none if it is not."""
        if name.startswith("."):
            return HIDDEN_FILES
        if (known := _FILES.get(name.casefold())) is not None:
            return f"{known} files, which a system makes"
        for pattern, matches in self._patterns:
            if matches(path, False):
                return f"files that photos_ignore leaves out ({pattern})"
        return None


def _matching(pattern: str) -> Callable[[str, bool], bool]:
    """Whether a path from the folder of photos, and of a folder or not, is one of a pattern's."""
    of_folders = pattern.endswith("/")
    text = pattern.rstrip("/")
    expression = re.compile(translate(text.lstrip("/")), re.IGNORECASE)
    if "/" not in text:
        return lambda path, is_folder: (
            (is_folder or not of_folders) and bool(expression.match(path.rpartition("/")[2]))
        )
    return lambda path, is_folder: (is_folder or not of_folders) and bool(expression.match(path))
