"""A process of this machine as a text: ``4711@1234.56``.

Its number, and how many seconds after the machine it started. The two name one process, though
numbers are used again, and no clock that is set has a part in them. Former releases wrote the
number alone; then it is an index server's or nobody's.
"""

import psutil

#: The kernel tells the boot's time in whole seconds, which may flutter by one.
_SAME_START_S = 2.0


def name_process(pid: int) -> str:
    """What names this process from now on.

    Raises:
        psutil.NoSuchProcess: if there is none.
    """
    return f"{pid}@{_started_s(psutil.Process(pid))}"


def number_of(process: str) -> int:
    """The number that it has, or had; 0, which is nobody's, if the text names no process here."""
    number, _, _ = process.partition("@")
    return int(number) if number.isdecimal() else 0


def is_process_alive(process: str) -> bool:
    """Whether it has not ended; one that has, and that nobody waited for, has."""
    _, _, began = process.partition("@")
    try:
        found = psutil.Process(number_of(process))
        if found.status() == psutil.STATUS_ZOMBIE:
            return False
        if not began:
            return "index-server" in found.cmdline()
        return abs(_started_s(found) - float(began)) < _SAME_START_S
    except (psutil.NoSuchProcess, ValueError):
        return False


def _started_s(process: psutil.Process) -> float:
    """``create_time()`` alone is another one after the clock was set, as is the boot's time;
    their difference is what the kernel counts."""
    return round(process.create_time() - psutil.boot_time(), 2)
