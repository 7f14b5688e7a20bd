"""What all that is written to a folder has in common: to be safe on the disk, and what to do
when the disk refuses."""

import errno
import os
from pathlib import Path


def sync(path: str | Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refused(error: OSError) -> bool:
    """Whether the disk is full, read-only or closed to this user, and nothing else is wrong."""
    return error.errno == errno.EROFS or error.errno in _REMEDIES


def remedy_for(error: OSError, setting: str) -> str:
    """What a person does about it; ``setting`` is the one that names the folder."""
    if error.errno == errno.EROFS:
        return f"mount that disk for writing, or move {setting}"
    return _REMEDIES.get(error.errno or 0, "see to the disk, then run this again")


_REMEDIES = {
    errno.ENOSPC: "free space on that disk, then run this again",
    errno.EDQUOT: "raise the quota or free space, then run this again",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), then run this again",
    errno.EACCES: "give this user the right to that folder",
    errno.EPERM: "give this user the right to that folder",
}
