"""Paths that begin with ~, also where nobody lives: a user of systemd or of a container may have
neither HOME nor an entry in the system's list of users."""

from pathlib import Path

from photosearch.errors import PhotosearchError


class NoHome(PhotosearchError):
    """A path in a home folder that is not known."""


def expanded(path: str | Path) -> Path:
    """``path`` with its ~ replaced; what a person wrote.

    Raises:
        NoHome: if it has one and there is no such home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise NoHome(
            f"the path {str(path)!r} can't be used: nothing says which folder ~ is",
            found="no HOME, or no such user on this machine",
            remedy="write the whole path, or set HOME",
        ) from error


def looked_up(path: str | Path) -> Path | None:
    """The same for a file that other programs keep at home; none without a home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return None
