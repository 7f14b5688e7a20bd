"""What to do next with the index servers: one rule, for a machine and for a cluster.

A look compares what is asked for with what is seen, and moves what runs one step closer. The
order is the one thing that may never be wrong: a new server is ready and announced before an
old one is withdrawn, and an old one is withdrawn only when everything it holds is answered by
others.

Pure: nothing is started, read or remembered here, and no clock is asked. Whoever carries the
actions out may be killed at any instant, and whoever comes next decides from what it sees.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain

from controller.refusals import FIRST_RETRY_S, Refusals
from controller.retirement import unanswered
from controller.seen import KnownIndexes, SeenServer, ServingState
from index_grpc.serving.desired import RefusedKey
from index_grpc.serving.serving import Serving

#: Servers that load at once; each uses a core.
STARTS_AT_ONCE = 2


@dataclass(frozen=True)
class Rules:
    """How long and how many."""

    #: From when others answer all that a server holds, to its end.
    drain_s: float
    starts_at_once: int = STARTS_AT_ONCE
    #: The first pause of an index that is refused.
    first_retry_s: float = FIRST_RETRY_S


class Verb(StrEnum):
    """What is done with a server."""

    START = "start"
    #: It is asked for again: of two that hold a window it is the right one.
    TAKE_BACK = "take back"
    #: It goes on answering, until others do.
    KEEP = "keep"
    #: Others answer all it holds.
    RETIRE = "retire"
    #: No new call is to come to it.
    WITHDRAW = "withdraw"
    END = "end"
    #: It has no process, and nobody needs one.
    DROP = "drop"


@dataclass(frozen=True)
class Action:
    """One step with one server."""

    verb: Verb
    name: str


@dataclass(frozen=True)
class Decision:
    """What to do, in this order: hold what is wanted, each from its image, then act."""

    wanted: Mapping[str, Serving]
    actions: tuple[Action, ...]
    refusals: Refusals
    #: What people should hear of.
    told: tuple[str, ...] = ()


def decide(
    asked: Mapping[str, Serving],
    servers: Mapping[str, SeenServer],
    refusals: Refusals,
    current: KnownIndexes,
    now: float,
    rules: Rules,
) -> Decision:
    """The next step towards the Servings of ``asked``, from ``servers`` as they are seen and from
    what was refused until now."""
    refusals, told = _with_failures(refusals, servers, now, rules)
    refusals = refusals.forget(servers, asked.keys(), current.versions)
    if not any(one.state is ServingState.STARTING for one in servers.values()):
        # Not before: to try again ends servers that start to answer in the index's stead.
        refusals = refusals.retry(now, _keys(servers, wanted_and_not_loaded=True))
    wanted = {name: serving for name, serving in asked.items() if refusals.allow(serving)}
    step = _Step(asked, dict(servers), current, now, rules)
    step.hold(wanted, refusals)
    actions = (*step.take_back(servers), *step.retire(), *step.start())
    return Decision(wanted, actions, refusals, told)


def _with_failures(
    refusals: Refusals, servers: Mapping[str, SeenServer], now: float, rules: Rules
) -> tuple[Refusals, tuple[str, ...]]:
    told = []
    for server in servers.values():
        failure = server.failure
        if failure is None:
            continue
        if failure.index is not None:
            refusals = refusals.refuse(failure.index, failure.reason, now, rules.first_retry_s)
        elif failure.crashed:
            loaded = _keys(servers, wanted_and_not_loaded=False)
            refusals, said = refusals.crash(
                server, failure.reason, now, rules.first_retry_s, loaded
            )
            told += [] if said is None else [said]
        else:
            refusals = refusals.refuse_serving(server, failure.reason)
    return refusals, tuple(told)


def _keys(
    servers: Mapping[str, SeenServer], *, wanted_and_not_loaded: bool
) -> frozenset[RefusedKey]:
    """What servers have in memory; or what those are to have that are wanted and have not."""
    return frozenset(
        chain.from_iterable(
            one.keys
            for one in servers.values()
            if (one.wanted and not one.has_loaded if wanted_and_not_loaded else one.has_loaded)
        )
    )


@dataclass
class _Step:
    """The servers as they will be when the actions so far are carried out."""

    asked: Mapping[str, Serving]
    servers: dict[str, SeenServer]
    current: KnownIndexes
    now: float
    rules: Rules

    def hold(self, wanted: Mapping[str, Serving], refusals: Refusals) -> None:
        for name, serving in wanted.items():
            if name not in self.servers:
                pause = refusals.pause_of(name)
                self.servers[name] = SeenServer(serving, retry_at=pause.retry_at)
            elif serving.image != self.servers[name].serving.image:
                # What runs has all in memory: the next start takes it, and is due at once.
                self._becomes(name, serving=serving, retry_at=0.0)
        for name in self.servers:
            self._becomes(name, wanted=name in wanted)

    def take_back(self, before: Mapping[str, SeenServer]) -> Iterator[Action]:
        for name, server in list(self.servers.items()):
            became_wanted = server.wanted and name in before and not before[name].wanted
            if became_wanted and server.state in (ServingState.READY, ServingState.RETIRING):
                yield self._kept(server, Verb.TAKE_BACK)

    def retire(self) -> Iterator[Action]:
        for server in [one for one in self.servers.values() if not one.wanted]:
            if server.is_ending:
                continue
            if not server.runs and not server.answered:
                yield self._dropped(server)
            elif self._is_needed(server):
                if server.state is ServingState.RETIRING:
                    yield self._kept(server, Verb.KEEP)
            elif not server.runs:
                yield self._dropped(server)
            elif server.state is ServingState.STARTING:
                yield self._ended(server)
            else:
                yield from self._retired(server)

    def start(self) -> Iterator[Action]:
        starting = [one for one in self.servers.values() if one.state is ServingState.STARTING]
        for server in list(self.servers.values()):
            is_due = (server.wanted or server.answered) and self.now >= server.retry_at
            if server.state is not ServingState.WAITING or not is_due:
                continue
            if len(starting) >= self.rules.starts_at_once:
                return
            # A backlog moves HEADs every second. To start a server for each would load the
            # machine and never come to an end, so one that holds the same windows goes first.
            if all(set(server.windows).isdisjoint(other.windows) for other in starting):
                starting.append(server)
                yield Action(Verb.START, server.name)

    def _retired(self, server: SeenServer) -> Iterator[Action]:
        """First withdrawn, so that no new call comes; then ended. Until then it can return."""
        since = self.now if server.unneeded_since is None else server.unneeded_since
        if server.unneeded_since is None:
            self._becomes(server.name, state=ServingState.RETIRING, unneeded_since=since)
            yield Action(Verb.RETIRE, server.name)
        waited = self.now - since
        # Half way: a reader of the folder sees the successor for a while before the old is gone.
        if server.announced and waited >= self.rules.drain_s / 2:
            self._becomes(server.name, announced=False)
            yield Action(Verb.WITHDRAW, server.name)
        if waited >= self.rules.drain_s:
            yield self._ended(server)

    def _is_needed(self, server: SeenServer) -> bool:
        """Whether a window would be lost that no Ready newer or coarser one answers."""
        fingerprint = server.serving.fingerprint
        is_current = fingerprint == self.current.fingerprint
        # A query is never asked of two embedders: only the same one's servers can take over,
        # or the current one's when this one's are not asked for any more.
        is_asked = any(serving.fingerprint == fingerprint for serving in self.asked.values())
        successor = fingerprint if is_asked else self.current.fingerprint
        answering = chain.from_iterable(
            other.windows
            for other in self.servers.values()
            if other.name != server.name
            and other.serving.fingerprint == successor
            and other.state is ServingState.READY
            and other.announced
            and (other.wanted or other.is_newer_than(server))
        )
        still_wanted = self.current.windows if is_current else None
        return bool(unanswered(server.windows, answering, still_wanted, self.current.closed_until))

    def _kept(self, server: SeenServer, verb: Verb) -> Action:
        self._becomes(server.name, state=ServingState.READY, unneeded_since=None)
        return Action(verb, server.name)

    def _ended(self, server: SeenServer) -> Action:
        self._becomes(server.name, announced=False, is_ending=True)
        return Action(Verb.END, server.name)

    def _dropped(self, server: SeenServer) -> Action:
        del self.servers[server.name]
        return Action(Verb.DROP, server.name)

    def _becomes(self, name: str, **changes: object) -> None:
        self.servers[name] = replace(self.servers[name], **changes)  # type: ignore[arg-type]
