"""What can't be served, and how it is tried again.

An index server that refuses its files names the window, and packs are planned without it, so
that its finer windows answer. A server that crashes as it loads names nothing. After a few
crashes its pack is taken apart: those of its windows that no server has loaded are served each
on its own, and whichever crashes alone is refused like a damaged one. All of it is tried again
after a pause that grows. Where nothing at all loads the machine is at fault and not an index:
then one index is refused and no more, or every finer image would be built for nothing.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from index_grpc.serving.desired import RefusedKey
from index_grpc.serving.desk import CrashingServing, RefusedIndex, ServingDesk
from index_grpc.serving.serving import ServedWindow, Serving
from photosearch.backoff import Backoff

_log = logging.getLogger(__name__)

FIRST_RETRY_S = 30.0
LAST_RETRY_S = 600.0
#: In a row, as it loads, before something is done about it.
CRASHES_AT_MOST = 3
_LAST_JOIN_S = 3600.0


@dataclass(frozen=True)
class _Refused:
    """When to try an index again that a server refused, and why and when it did."""

    backoff: Backoff
    reason: str
    at: float
    crashed: bool


@dataclass(frozen=True)
class _Crashing:
    """A Serving that crashes as it loads; ``apart`` are windows to be served on their own.

    One that is ``refused`` as a whole is told of and tried again, and nothing else.
    """

    serving: Serving
    backoff: Backoff
    reason: str
    crashes: int
    apart: frozenset[RefusedKey] = frozenset()
    refused: bool = False


class Refusals:
    """Which indexes are refused and which packs crash; ``first_retry_s`` is the first pause."""

    def __init__(self, first_retry_s: float) -> None:
        self._first_retry_s = first_retry_s
        self._refused: dict[RefusedKey, _Refused] = {}
        self._crashing: dict[str, _Crashing] = {}
        self._retried: set[RefusedKey] = set()
        self._joined: set[str] = set()
        #: None: nothing was written yet, and a former deployer's may lie there.
        self._told: list[object] | None = None

    @property
    def is_empty(self) -> bool:
        return not (self._refused or self._crashing)

    def allow(self, serving: Serving) -> bool:
        """Whether it may be started: nothing in it is refused, and it was not taken apart."""
        left_out = self._refused.keys() - self._retried
        taken_apart = serving.name in self._crashing.keys() - self._joined
        return left_out.isdisjoint(keys_of(serving)) and not (
            taken_apart and self._crashing[serving.name].apart
        )

    def refuse(self, key: RefusedKey, reason: str, now: float, *, crashed: bool = False) -> None:
        """Note that a server refused this index, or crashed with nothing but it."""
        before = self._refused.get(key)
        backoff = before.backoff if before else Backoff(self._first_retry_s, LAST_RETRY_S)
        backoff.failed(now)
        self._retried.discard(key)
        self._refused[key] = _Refused(backoff, reason, now, crashed)

    def refuse_serving(self, serving: Serving, reason: str, backoff: Backoff) -> None:
        """Note that a server refused all of a Serving, which is no index's fault: its image
        can't be had, or no trusted key signed it. ``backoff`` is the Serving's own."""
        if serving.name not in self._crashing or self._crashing[serving.name].refused:
            self._crashing[serving.name] = _Crashing(
                serving, backoff, reason, backoff.failures, refused=True
            )

    def crash(
        self,
        serving: Serving,
        reason: str,
        crashes: int,
        backoff: Backoff,
        now: float,
        loaded: Collection[RefusedKey],
    ) -> None:
        """Note that a server crashed as it loaded, ``crashes`` times in a row.

        ``backoff`` is its own. ``loaded`` are the indexes that some server has in memory, which
        are not at fault.
        """
        keys, before = keys_of(serving), self._crashing.get(serving.name)
        if before is not None and before.refused:
            before = None
        known = before is not None or (len(keys) == 1 and keys <= self._crashed_alone())
        if crashes < CRASHES_AT_MOST and not known:
            return
        told = f"{serving.name} crashes as it loads, {crashes} times: {reason}"
        if len(keys) == 1 and (loaded or self._crashed_alone() <= keys):
            [key] = keys
            self._crashing.pop(serving.name, None)
            self.refuse(key, f"its index server crashes as it loads: {reason}", now, crashed=True)
            _log.error("%s; finer windows answer for %s where they are ready", told, key[0])
            return
        apart: frozenset[RefusedKey] = frozenset()
        if len(keys) > 1:
            apart = (keys - frozenset(loaded)) or keys
            backoff = before.backoff if before else Backoff(2 * self._first_retry_s, _LAST_JOIN_S)
            backoff.failed(now)
            self._joined.discard(serving.name)
            _log.error("%s; %d of its %d windows are served apart", told, len(apart), len(keys))
        else:
            _log.error("%s; nothing loads: see that this machine has memory and disk", told)
        self._crashing[serving.name] = _Crashing(serving, backoff, reason, crashes, apart)

    def forget(
        self,
        current: Collection[RefusedKey],
        is_ready: Callable[[str], bool],
        is_served_since: Callable[[RefusedKey, float], bool],
    ) -> None:
        """Forget what is not current any more, and what is served again."""
        for key, refused in list(self._refused.items()):
            if key not in current or is_served_since(key, refused.at):
                del self._refused[key]
        for name, crashing in list(self._crashing.items()):
            if keys_of(crashing.serving).isdisjoint(current) or is_ready(name):
                del self._crashing[name]
        self._retried &= self._refused.keys()
        self._joined &= self._crashing.keys()

    def forget_unasked(self, asked: Collection[str]) -> None:
        """Forget the Servings that were refused as a whole and that another has replaced."""
        for name, one in list(self._crashing.items()):
            if one.refused and name not in asked:
                del self._crashing[name]

    def retry(self, now: float, trying: Collection[RefusedKey]) -> None:
        """Let those be tried again whose pause is over; a pack not before it is known which of
        its windows load on their own, as long as that is being tried."""
        self._retried |= {key for key, one in self._refused.items() if one.backoff.is_due(now)}
        self._joined |= {
            name
            for name, one in self._crashing.items()
            if one.backoff.is_due(now) and one.apart.isdisjoint(trying)
        }

    def _crashed_alone(self) -> frozenset[RefusedKey]:
        return frozenset(key for key, one in self._refused.items() if one.crashed)

    def refused(self, now: float, clock: datetime) -> list[RefusedIndex]:
        """The refused indexes, as they are told; ``clock`` is what ``now`` is called."""
        return [
            RefusedIndex(
                window=key[0],
                version=key[1],
                reason=one.reason,
                retry_at=_moment(one.backoff, now, clock),
                left_out=key not in self._retried,
                times=one.backoff.failures,
                crashed=one.crashed,
            )
            for key, one in self._refused.items()
        ]

    def crashing(self, now: float, clock: datetime) -> list[CrashingServing]:
        """The Servings that crash, as they are told."""
        return [
            CrashingServing(
                name=name,
                windows=one.serving.windows,
                apart=()
                if name in self._joined
                else tuple(ServedWindow(window=w, version=v) for w, v in sorted(one.apart)),
                reason=one.reason,
                crashes=one.crashes,
                refused=one.refused,
                retry_at=_moment(one.backoff, now, clock),
            )
            for name, one in self._crashing.items()
        ]

    def tell(self, desk: ServingDesk, now: float, clock: datetime) -> None:
        """Tell both lists if they say something new: packs are planned by them."""
        refused, crashing = self.refused(now, clock), self.crashing(now, clock)
        moving = {"retry_at"}
        judged: list[object] = [one.model_dump(exclude=moving) for one in (*refused, *crashing)]
        if judged != self._told:
            desk.tell_refused("deployer", refused)
            desk.tell_crashing(crashing)
            self._told = judged


def keys_of(serving: Serving) -> frozenset[RefusedKey]:
    """Window and version of all that a Serving holds."""
    return frozenset((served.window, served.version) for served in serving.windows)


def _moment(backoff: Backoff, now: float, clock: datetime) -> datetime:
    return clock + timedelta(seconds=backoff.retry_at - now)
