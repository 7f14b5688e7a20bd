"""As many open files as the system allows.

An index server keeps two files a window open and a gateway one a connection, but systems start
processes with 1,024 for the sake of old programs that can't count further (select(2)), and let
them have hundreds of thousands for the asking.
"""

import resource
from contextlib import suppress

_ENOUGH = 1 << 20


def allow_open_files() -> None:
    """Raise this process's soft limit to its hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # some systems refuse what they say is allowed
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
