"""Whether a process is as good as gone.

A process that was killed holds its locks and its ports until the kernel has taken it apart, and
with gigabytes of memory that takes seconds. Whoever finds it there waits for it instead of
refusing: "it runs already" would be untrue a moment later.
"""

import re
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import psutil

#: So long what dies is waited for.
DYING_S = 15.0
#: So long a holder that nothing is known of: another user's, or one that is half gone, whose
#: open files the kernel shows no longer.
UNKNOWN_S = 5.0
#: So long one that lives: the child of a process that died holds its parent's locks for the
#: instant between fork and exec.
LIVING_S = 0.5
_POLL_S = 0.02
_PF_EXITING = 0x4  # include/linux/sched.h
_PENDING = re.compile(r"^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$", re.MULTILINE)


def is_dying(pid: int) -> bool:
    """Whether ``pid`` is gone, is being taken apart, or was sent the signal that can't be refused.

    Systems without Linux's /proc tell of those that are gone and of zombies.
    """
    try:
        if psutil.Process(pid).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return True
    except psutil.NoSuchProcess:
        return True
    with suppress(OSError):
        flags = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[6]
        pending = _PENDING.findall(Path(f"/proc/{pid}/status").read_text())
        killed = 1 << (signal.SIGKILL - 1)
        return bool(int(flags) & _PF_EXITING) or any(int(mask, 16) & killed for mask in pending)
    return not psutil.pid_exists(pid)


def await_release(is_free: Callable[[], bool], holder: Callable[[], int | None]) -> bool:
    """Wait while the process in ``holder`` dies; whether ``is_free`` came about.

    A holder that lives is given a moment and no more.
    """
    begun = monotonic()
    while not is_free():
        pid = holder()
        patience = UNKNOWN_S if pid is None else DYING_S if is_dying(pid) else LIVING_S
        if monotonic() > begun + patience:
            return False
        sleep(_POLL_S)
    return True
