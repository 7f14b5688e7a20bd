"""What an erasure waits for: another one, servers that hold the listing, and earlier runs.

Servers and runs are waited for by looking at what is there. A server that was withdrawn still
has its pack in memory until its process ends, so its process is watched and not only its
endpoint.

Another erasure is waited for by a lease in the repository, which all machines see. On one
machine a lock says sooner whether its holder lives: the kernel lets go of it whatever way the
process ends.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from index_grpc.serving.opening import open_desk
from photosearch.errors import PhotosearchError
from photosearch.files.locks import file_lock
from photosearch.repository.lease import Holder, Lease, LeaseHeld, leased
from photosearch.repository.storage.port import Storage
from photosearch.settings.settings import Settings
from photosearch_assets.instance.runs_at_work import RunsAtWork
from photosearch_operations.erasure.images import asked_with
from photosearch_operations.erasure.record import Record
from photosearch_operations.in_use import versions_held_by

LEASE_S = 60.0
"""So long another machine waits for an erasure that was killed."""

_POLL_S = 0.2


class ErasureError(PhotosearchError):
    """An erasure that can't begin, or that can't end yet."""


@contextmanager
def one_at_a_time(
    settings: Settings, storage: Storage, wait_s: float, tell: Callable[[str], None]
) -> Iterator[Lease]:
    """Wait for other erasures: each makes versions of the other's windows.

    Raises:
        ErasureError: if one on another machine goes on for longer than ``wait_s``.
    """
    lock = settings.state / "erasure.lock"
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(lock, wait=False))
        except BlockingIOError:
            tell("waiting for another erasure to end")
            stack.enter_context(file_lock(lock))
        here = _place_of(lock)
        holder = Holder(name=f"{socket.gethostname()}, process {os.getpid()}", place=here)
        try:
            lease = stack.enter_context(
                leased(
                    storage,
                    "erasure",
                    holder,
                    wait_s=wait_s,
                    lasts_s=LEASE_S,
                    # Who held the lock that is ours now has ended, and had no time to say so.
                    is_dead=lambda other: bool(here) and other.place == here,
                    tell=lambda who: tell(f"{who}, another erasure"),
                )
            )
        except LeaseHeld as held:
            raise ErasureError(
                "another erasure is under way",
                found=held.found,
                limit=held.limit,
                remedy="let it end, then run this again; one that was killed runs out by itself",
            ) from held
        yield lease


def _place_of(lock: Path) -> str:
    """What no lock of another kernel, nor of another boot, has; empty if that is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    status = lock.stat()
    return f"{boot}-{status.st_dev:x}-{status.st_ino:x}"


def await_servers(settings: Settings, record: Record, wait_s: float) -> None:
    """Wait until no server holds a version of the record, nor is asked to.

    Raises:
        ErasureError: if one still does after ``wait_s``.
    """
    versions, endpoints = record.removed, open_desk(settings).endpoints
    deadline = time.monotonic() + wait_s
    while True:
        # Of a server that was killed, deployer and all, the announcement is left and nothing else.
        living = [one for one in endpoints.own() if endpoints.is_alive(one.process)]
        holding = [one for one in living if not versions.isdisjoint(versions_held_by([one]))]
        held = versions & versions_held_by(holding)
        record.add_servers({one.process for one in holding})
        asked = asked_with(settings, versions)
        if not held and not asked and not any(map(endpoints.is_alive, record.pending.servers)):
            return
        if time.monotonic() > deadline:
            names = ", ".join(sorted(f"{address.window} {version}" for address, version in held))
            raise ErasureError(
                "an index server still holds the listing",
                found=names or ", ".join(sorted(asked)) or "a server that is ending",
                limit=f"{wait_s:.0f} s",
                remedy="see that the deployer runs ('photosearch up'), then run this again",
            )
        time.sleep(_POLL_S)


def await_runs(at_work: RunsAtWork, runs: set[str], wait_s: float) -> None:
    """Wait until none of ``runs`` works any more.

    Raises:
        ErasureError: if one still does after ``wait_s``.
    """
    deadline = time.monotonic() + wait_s
    while left := runs & at_work.living():
        if time.monotonic() > deadline:
            raise ErasureError(
                "a run that began before this erasure still works, and may publish the listing",
                found=", ".join(sorted(left)),
                limit=f"{wait_s:.0f} s",
                remedy="let it end, then run this again",
            )
        time.sleep(_POLL_S)
