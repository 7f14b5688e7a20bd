"""A process that is killed at its n-th change of the disk, wherever that is."""

import os
from collections.abc import Callable
from typing import Any

from photosearch.repository.storage.folder import FolderStorage
from photosearch_operations.erasure import events_in_files, strips
from photosearch_operations.erasure.on_this_machine import Places

KILLED = 9
_CHANGES = ("write_version", "replace", "delete")


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Run ``work`` in a process of its own that ends without clean-up just before its
    ``number``-th change of the repository or of another place; whether it got that far."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            _arm(number)
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, KILLED), f"the process ended with {code}"
    return code == KILLED


def _arm(number: int) -> None:
    left = number

    def dying(original: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **given: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os._exit(KILLED)
            return original(*args, **given)

        return changed

    for name in _CHANGES:
        setattr(FolderStorage, name, dying(getattr(FolderStorage, name)))
    for name in ("clean_cache", "clean_work", "clean_copies"):
        setattr(Places, name, dying(getattr(Places, name)))
    # A database of Dagster's that is about to be changed, or whose log is written back.
    strips._Wanted.clean = dying(strips._Wanted.clean)  # type: ignore[method-assign]
    events_in_files._write_back = dying(events_in_files._write_back)
    os.unlink = dying(os.unlink)  # the photos themselves
