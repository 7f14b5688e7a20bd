"""The state folder is its owner's alone.

It holds the catalogue, copies of photos, logs and Dagster's database. Its own mode is enough to
close all of them to other users, whatever the umask makes of each.
"""

import os
import stat
from pathlib import Path

_OWNER_ALONE = stat.S_IRWXU
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def keep_to_owner(state: Path) -> bool:
    """Make the folder if need be, and close it to other users; whether it had been open.

    One that belongs to another user, as in a container whose user is changed, is theirs to close.
    """
    try:
        state.mkdir(mode=_OWNER_ALONE, parents=True)
    except FileExistsError:
        status = state.stat()
        was_open = bool(stat.S_IMODE(status.st_mode) & _OTHERS)
        if not was_open or status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode):
            return False
    else:
        was_open = False
    state.chmod(_OWNER_ALONE)  # whatever the umask left of it
    return was_open
