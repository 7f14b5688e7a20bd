"""Looking at the HEADs of all windows again and again, for the price of a listing.

A listing gives each HEAD's tag; only those whose tag is another one are read, and of the
versions that they name only those that are new. While nothing moves, one look is the look
before it, and what was worked out from it need not be worked out again. The first look of a
process would read all of them: where that takes long, it asks the summaries.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from photosearch.repository.addresses import HEAD, Address, ArtifactKey, Kind
from photosearch.repository.facts import Facts
from photosearch.repository.heads import Current, current_in
from photosearch.repository.storage.port import Storage
from photosearch.repository.storage.several import read_several
from photosearch.repository.summaries import (
    Summary,
    Told,
    read_summaries,
    summary_path,
    write_summary,
)
from photosearch.windows import Granularity, Window, WindowError

Made = TypeVar("Made")
ReadFacts = Callable[[Collection[ArtifactKey]], Mapping[ArtifactKey, Facts]]
_Place = tuple[Granularity, str]
_MONTH = len("2026-11")
_MANY = 32
"""Windows of a month that are rather looked up in a summary than read, and that a summary may
lack: as many as are read at once."""


class Look:
    """The current versions of the windows of one kind at one moment.

    ``current`` says what each HEAD said; those that are damaged are left out.
    """

    def __init__(self, current: Mapping[Window, Current], line: "_Line") -> None:
        self.current = current
        self._line = line
        self._facts: Mapping[Window, Facts] | None = None
        self._made: dict[Callable[[Look], Any], Any] = {}

    @property
    def facts(self) -> Mapping[Window, Facts]:
        """What is known of each current version; those whose manifest can't be read are left out.

        Raises:
            NewerFormat: if a later release wrote a manifest.
        """
        if self._facts is None:
            self._facts = self._line.facts_of(self.current)
        return self._facts

    @property
    def is_whole(self) -> bool:
        """Whether another look could not know more, as long as no HEAD moves."""
        return self._facts is None or len(self._facts) == len(self.current)

    def once(self, work: Callable[["Look"], Made]) -> Made:
        """What ``work`` makes of this look; made the first time."""
        if work not in self._made:
            self._made[work] = work(self)
        found: Made = self._made[work]
        return found


class Watch:
    """The looks at one repository. Safe to share between threads."""

    def __init__(self, storage: Storage, read_facts: ReadFacts) -> None:
        self._storage = storage
        self._read_facts = read_facts
        self._lock = threading.Lock()
        self._lines: dict[tuple[str | None, Kind], _Line] = {}

    def look(self, fingerprint: str | None, kinds: Sequence[Kind]) -> list[Look]:
        """The current versions of these kinds, whose HEADs lie together, as they are now."""
        with self._lock:
            lines = [self._line(fingerprint, kind) for kind in kinds]
            listed: list[dict[_Place, Hashable]] = [{} for _ in kinds]
            for granularity in Granularity:
                folder = _folder(fingerprint, granularity)
                tails = [_tail(kind) for kind in kinds]
                for found, tags in zip(listed, self._storage.list_each(folder, tails), strict=True):
                    found.update({(granularity, start): tag for start, tag in tags.items()})
            return [line.look(tags) for line, tags in zip(lines, listed, strict=True)]

    def write_summaries(self) -> None:
        """Write down what the last looks saw, where many who come new would have to read it."""
        if self._storage.is_far:
            with self._lock:
                for line in self._lines.values():
                    line.write_summaries()

    def _line(self, fingerprint: str | None, kind: Kind) -> "_Line":
        key = (fingerprint, kind)
        if key not in self._lines:
            self._lines[key] = _Line(fingerprint, kind, self._storage, self._read_facts)
        return self._lines[key]


class _Line:
    """What was seen of one kind and fingerprint by the last look."""

    def __init__(
        self, fingerprint: str | None, kind: Kind, storage: Storage, read_facts: ReadFacts
    ) -> None:
        self._fingerprint = fingerprint
        self._kind = kind
        self._storage = storage
        self._read_facts = read_facts
        self._tags: dict[_Place, Hashable] = {}
        self._heads: dict[_Place, tuple[Window, Current]] = {}
        self._facts: dict[Window, Facts] = {}
        self._summaries: dict[str, Summary] = {}
        self._last = Look({}, self)
        self._lock = threading.Lock()

    def look(self, tags: dict[_Place, Hashable]) -> Look:
        """The look at HEADs with these tags."""
        if tags == self._tags and self._last.is_whole:
            return self._last
        changed = [
            place
            for place, tag in tags.items()
            if self._tags.get(place) != tag and _window(*place) is not None
        ]
        fresh = self._told(changed, tags)
        unread = [place for place in changed if place not in fresh]
        paths = [self._head_path(place) for place in unread]
        for place, stored in zip(unread, read_several(self._storage, paths), strict=True):
            current, window = (
                None if stored is None else current_in(stored.content),
                _window(*place),
            )
            if current is not None and window is not None:
                fresh[place] = (window, current)
        moved = set(changed)
        kept = {place: head for place, head in self._heads.items() if place not in moved}
        heads = {
            place: fresh.get(place) or kept[place]
            for place in tags
            if place in fresh or place in kept
        }
        self._tags, self._heads = tags, heads
        self._last = Look(dict(heads.values()), self)
        return self._last

    def _told(
        self, changed: Sequence[_Place], tags: Mapping[_Place, Hashable]
    ) -> dict[_Place, tuple[Window, Current]]:
        """What the summaries say of these HEADs, as far as they know them by these tags."""
        if not self._storage.is_far:
            return {}
        many = Counter(start[:_MONTH] for _, start in changed)
        self._read_summaries(month for month, count in many.items() if count >= _MANY)
        found: dict[_Place, tuple[Window, Current]] = {}
        facts: dict[Window, Facts] = {}
        for place in changed:
            window = _window(*place)
            summary = self._summaries.get(place[1][:_MONTH])
            told = None if summary is None or window is None else summary.windows.get(window)
            if told is not None and window is not None and told.tag == tags[place]:
                found[place], facts[window] = (window, told.current), told.facts
        with self._lock:
            self._facts = {**self._facts, **facts}
        return found

    def _read_summaries(self, months: Iterable[str]) -> None:
        wanted = [month for month in months if month not in self._summaries]
        read = read_summaries(self._storage, self._fingerprint, self._kind, wanted)
        self._summaries.update(read)

    def write_summaries(self) -> None:
        """Write those months anew of which a summary lacks many windows."""
        if not self._last.current:
            return
        facts = self._last.facts
        by_month: defaultdict[str, dict[Window, Told]] = defaultdict(dict)
        for place, (window, current) in self._heads.items():
            if window in facts:
                told = Told(str(self._tags[place]), current, facts[window])
                by_month[place[1][:_MONTH]][window] = told
        self._read_summaries(by_month)
        for month, windows in by_month.items():
            before = self._summaries[month]
            tags = {window: told.tag for window, told in before.windows.items()}
            behind = sum(tags.get(window) != told.tag for window, told in windows.items())
            if behind < _MANY:
                continue
            path = summary_path(self._fingerprint, self._kind, month)
            written = write_summary(self._storage, path, windows, before)
            if written is None:
                del self._summaries[month]  # to be read again: another wrote it
            else:
                self._summaries[month] = written

    def facts_of(self, current: Mapping[Window, Current]) -> Mapping[Window, Facts]:
        """What is known of these versions; of those that are new it is read."""
        with self._lock:
            known = self._facts
            keys = [
                (Address(self._kind, self._fingerprint, window), one.version)
                for window, one in current.items()
                if window not in known or known[window].version != one.version
            ]
            read = {address.window: facts for (address, _), facts in self._read_facts(keys).items()}
            self._facts = {
                window: facts
                for window, one in current.items()
                if (facts := read.get(window) or known.get(window)) is not None
                and facts.version == one.version
            }
            return self._facts

    def _head_path(self, place: _Place) -> str:
        granularity, start = place
        folder = _folder(self._fingerprint, granularity)
        return f"{folder}/{start}/{_tail(self._kind)}"


def _folder(fingerprint: str | None, granularity: Granularity) -> str:
    """Where the windows lie whose artifacts an embedder made; with None, whose photos."""
    above = "photos" if fingerprint is None else f"windows/{fingerprint}"
    return f"{above}/{granularity.value}"


def _tail(kind: Kind) -> str:
    return HEAD if kind is Kind.PHOTOS else f"{kind}/{HEAD}"


@lru_cache(maxsize=65_536)
def _window(granularity: Granularity, start: str) -> Window | None:
    try:
        return Window.parse(f"{granularity.value}/{start}")
    except WindowError:
        return None  # some other folder that lies there
