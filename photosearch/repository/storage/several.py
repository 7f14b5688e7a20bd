"""Reading many small objects, some at a time.

What a process reads before it can answer is thousands of HEADs and manifests. In a bucket each
is a wait for the network, of which many fit into one; on a disk of this machine nothing is
won by more than a few.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from photosearch.repository.storage.port import Storage, Stored

_AT_ONCE = 32
_HANDED_OVER = 64
"""Objects a thread takes at once from a disk: one by one, handing over costs as much."""


def read_several(storage: Storage, paths: Sequence[str]) -> list[Stored | None]:
    """:meth:`Storage.read` of each path, in their order."""
    step = 1 if storage.is_far else _HANDED_OVER
    parts = [paths[start : start + step] for start in range(0, len(paths), step)]
    if len(parts) < 2:
        return [storage.read(path) for path in paths]

    def read(part: Sequence[str]) -> list[Stored | None]:
        return [storage.read(path) for path in part]

    with ThreadPoolExecutor(min(_AT_ONCE, len(parts)), thread_name_prefix="read") as pool:
        found: Iterator[list[Stored | None]] = pool.map(read, parts)
        return list(chain.from_iterable(found))
