"""A file kept open for reading at any place, by any thread.

``pread`` moves no position, so threads need no lock; the file stays readable when its name
is deleted; and unlike a mapping it gives an error, not SIGBUS, when it is cut short, and its
pages do not count as the process's memory. Closed when it is no longer referred to.
"""

import errno
import os
import weakref
from pathlib import Path

from index_grpc.errors import DamagedIndex


class OpenFile:
    """An open file.

    Raises:
        DamagedIndex: if it can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            too_many = error.errno in (errno.EMFILE, errno.ENFILE)
            raise DamagedIndex(
                f"{path} can't be opened: {error.strerror}",
                remedy="raise the limit of open files (ulimit -Hn): a window needs two"
                if too_many
                else "build the index anew",
            ) from error
        self._finalizer = weakref.finalize(self, os.close, self._descriptor)

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``offset`` on; fewer only at the end of the file.

        Raises:
            OSError: if it was closed.
        """
        return os.pread(self._descriptor, size, offset)

    def close(self) -> None:
        """Close it; what reads after gets an error, not another file of the same number."""
        self._descriptor = -1
        self._finalizer()
