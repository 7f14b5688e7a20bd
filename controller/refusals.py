"""What can't be served, and how it is tried again.

An index server that refuses its files names the window, and packs are planned without it, so
that its finer windows answer. A server that crashes as it loads names nothing. After a few
crashes its pack is taken apart: those of its windows that no server has loaded are served each
on its own, and whichever crashes alone is refused like a damaged one. All of it is tried again
after a pause that grows. Where nothing at all loads the machine is at fault and not an index:
then one index is refused and no more, or every finer image would be built for nothing.

All of it is told at the desk with times, and is read there again by whoever comes next: a
restart must not be a way to try a bad pack at once and for ever.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from controller.seen import SeenServer, ServingState
from index_grpc.serving.desired import RefusedKey
from index_grpc.serving.desk import CrashingServing, RefusedIndex
from index_grpc.serving.serving import ServedWindow, Serving

FIRST_RETRY_S = 30.0
LAST_RETRY_S = 600.0
#: In a row, as it loads, before something is done about it.
CRASHES_AT_MOST = 3
_LAST_JOIN_S = 3600.0


@dataclass(frozen=True)
class Pause:
    """How often something failed in a row, and when it is tried again."""

    failures: int = 0
    retry_at: float = 0.0

    def longer(self, now: float, first_s: float, last_s: float) -> "Pause":
        """The one after another failure, twice as long."""
        pause = min(first_s * 2.0 ** min(self.failures, 30), last_s)
        return Pause(self.failures + 1, now + pause)


@dataclass(frozen=True)
class IndexRefusal:
    """An index that a server refused, why, and when it did."""

    pause: Pause
    reason: str
    at: float
    crashed: bool
    #: Whether packs are planned with it again.
    is_retried: bool = False


@dataclass(frozen=True)
class Crashing:
    """A Serving that crashes as it loads; ``apart`` are windows to be served on their own.

    One that is ``refused`` as a whole is told of and tried again, and nothing else.
    """

    windows: tuple[ServedWindow, ...]
    pause: Pause
    reason: str
    crashes: int
    apart: frozenset[RefusedKey] = frozenset()
    refused: bool = False
    #: Whether it is tried again as one.
    is_joined: bool = False

    @property
    def keys(self) -> frozenset[RefusedKey]:
        return frozenset((one.window, one.version) for one in self.windows)


@dataclass(frozen=True)
class Refusals:
    """Which indexes are refused and which packs crash."""

    indexes: Mapping[RefusedKey, IndexRefusal] = field(default_factory=dict)
    packs: Mapping[str, Crashing] = field(default_factory=dict)

    @classmethod
    def told(
        cls,
        refused: Iterable[RefusedIndex],
        crashing: Iterable[CrashingServing],
        now: float,
        clock: datetime,
    ) -> "Refusals":
        """As they were told at the desk; ``clock`` is what ``now`` is called.

        A pause that is longer than any was begun by a clock that was ahead.
        """

        def pause(failures: int, retry_at: datetime, last_s: float) -> Pause:
            left_s = (retry_at - clock).total_seconds()
            return Pause(failures, now + min(max(left_s, 0.0), last_s))

        return cls(
            {
                one.key: IndexRefusal(
                    pause(one.times, one.retry_at, LAST_RETRY_S),
                    one.reason,
                    at=now,
                    crashed=one.crashed,
                    is_retried=not one.left_out,
                )
                for one in refused
            },
            {
                one.name: Crashing(
                    one.windows,
                    pause(one.tries, one.retry_at, _LAST_JOIN_S),
                    one.reason,
                    one.crashes,
                    frozenset((served.window, served.version) for served in one.apart),
                    one.refused,
                    is_joined=not one.refused and len(one.windows) > 1 and not one.apart,
                )
                for one in crashing
            },
        )

    @property
    def is_empty(self) -> bool:
        return not (self.indexes or self.packs)

    def allow(self, serving: Serving) -> bool:
        """Whether it may be started: nothing in it is refused, and it was not taken apart."""
        pack = self.packs.get(serving.name)
        if pack is not None and pack.apart and not pack.is_joined:
            return False
        return not any(
            (one := self.indexes.get((served.window, served.version))) is not None
            and not one.is_retried
            for served in serving.windows
        )

    def pause_of(self, name: str) -> Pause:
        """The pause of a Serving that failed before whoever runs it now began."""
        pack = self.packs.get(name)
        return Pause() if pack is None or pack.apart or pack.is_joined else pack.pause

    def crashes_of(self, name: str) -> int:
        """How often in a row it crashed."""
        pack = self.packs.get(name)
        return 0 if pack is None or pack.refused else pack.crashes

    def refuse(
        self, key: RefusedKey, reason: str, now: float, first_s: float, *, crashed: bool = False
    ) -> "Refusals":
        """With an index that a server refused, or that crashed it with nothing but it."""
        before = self.indexes.get(key)
        pause = (before.pause if before else Pause()).longer(now, first_s, LAST_RETRY_S)
        return replace(
            self, indexes={**self.indexes, key: IndexRefusal(pause, reason, now, crashed)}
        )

    def refuse_serving(self, server: SeenServer, reason: str) -> "Refusals":
        """With a Serving that its server refused as a whole, which is no index's fault: its image
        can't be had, or no trusted key signed it."""
        before = self.packs.get(server.name)
        if before is not None and not before.refused:
            return self
        pause = Pause(server.failures, server.retry_at)
        return self._with_pack(
            server,
            Crashing(server.serving.windows, pause, reason, server.failures, refused=True),
        )

    def crash(
        self,
        server: SeenServer,
        reason: str,
        now: float,
        first_s: float,
        loaded: Collection[RefusedKey],
    ) -> tuple["Refusals", str | None]:
        """With a server that crashed as it loaded, and what is to be said of it.

        ``loaded`` are the indexes that some server has in memory, which are not at fault.
        """
        keys, crashes = server.keys, server.crashes
        before = self.packs.get(server.name)
        if before is not None and before.refused:
            before = None
        alone = self._crashed_alone()
        known = before is not None or (len(keys) == 1 and keys <= alone)
        if crashes < CRASHES_AT_MOST and not known:
            return self, None
        told = f"{server.name} crashes as it loads, {crashes} times: {reason}"
        windows = server.serving.windows
        if len(keys) > 1:
            apart = (keys - frozenset(loaded)) or keys
            pause = (before.pause if before else Pause()).longer(now, 2 * first_s, _LAST_JOIN_S)
            pack = Crashing(windows, pause, reason, crashes, apart)
            told += f"; {len(apart)} of its {len(keys)} windows are served apart"
            return self._with_pack(server, pack), told
        if loaded or alone <= keys:
            [key] = keys
            told += f"; finer windows answer for {key[0]} where they are ready"
            why = f"its index server crashes as it loads: {reason}"
            return self._without_packs({server.name}).refuse(
                key, why, now, first_s, crashed=True
            ), told
        told += "; nothing loads: see that this machine has memory and disk"
        pause = Pause(server.failures, server.retry_at)
        return self._with_pack(server, Crashing(windows, pause, reason, crashes)), told

    def forget(
        self,
        servers: Mapping[str, SeenServer],
        asked: Collection[str],
        current: Collection[RefusedKey] | None,
    ) -> "Refusals":
        """Without what is not current any more, what is served again, and the Servings that were
        refused as a whole and that another has replaced.

        A server that had an index in memory before that was refused says nothing about its files.
        """
        if self.is_empty:
            return self

        def is_served(key: RefusedKey, since: float) -> bool:
            return any(
                one.state is ServingState.READY
                and (one.loaded_at or 0.0) > since
                and key in one.keys
                for one in servers.values()
            )

        indexes = {
            key: one
            for key, one in self.indexes.items()
            if (current is None or key in current) and not is_served(key, one.at)
        }
        gone = {
            name
            for name, pack in self.packs.items()
            if (current is not None and pack.keys.isdisjoint(current))
            or (name in servers and servers[name].has_loaded)
            or (pack.refused and name not in asked)
        }
        return replace(self, indexes=indexes)._without_packs(gone)

    def retry(self, now: float, trying: Collection[RefusedKey]) -> "Refusals":
        """With those tried again whose pause is over; a pack not before it is known which of its
        windows load on their own, as long as that is being tried."""
        if self.is_empty:
            return self
        return Refusals(
            {
                key: replace(one, is_retried=one.is_retried or now >= one.pause.retry_at)
                for key, one in self.indexes.items()
            },
            {
                name: replace(
                    one,
                    is_joined=one.is_joined
                    or (now >= one.pause.retry_at and one.apart.isdisjoint(trying)),
                )
                for name, one in self.packs.items()
            },
        )

    def refused(self, now: float, clock: datetime) -> list[RefusedIndex]:
        """The refused indexes, as they are told; ``clock`` is what ``now`` is called."""
        return [
            RefusedIndex(
                window=key[0],
                version=key[1],
                reason=one.reason,
                retry_at=clock + timedelta(seconds=one.pause.retry_at - now),
                left_out=not one.is_retried,
                times=one.pause.failures,
                crashed=one.crashed,
            )
            for key, one in self.indexes.items()
        ]

    def crashing(self, now: float, clock: datetime) -> list[CrashingServing]:
        """The Servings that crash, as they are told."""
        return [
            CrashingServing(
                name=name,
                windows=one.windows,
                apart=()
                if one.is_joined
                else tuple(ServedWindow(window=w, version=v) for w, v in sorted(one.apart)),
                reason=one.reason,
                crashes=one.crashes,
                refused=one.refused,
                tries=one.pause.failures,
                retry_at=clock + timedelta(seconds=one.pause.retry_at - now),
            )
            for name, one in self.packs.items()
        ]

    def _crashed_alone(self) -> frozenset[RefusedKey]:
        return frozenset(key for key, one in self.indexes.items() if one.crashed)

    def _with_pack(self, server: SeenServer, pack: Crashing) -> "Refusals":
        return replace(self, packs={**self.packs, server.name: pack})

    def _without_packs(self, names: Collection[str]) -> "Refusals":
        return replace(self, packs={n: one for n, one in self.packs.items() if n not in names})
