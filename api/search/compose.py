"""One query's conversation with the index servers.

Rounds: plan the cover, ask its servers all at once, leave out who failed, plan again. Windows
that have answered keep their answers, so a second round asks only for what stands in for the
failed ones. At the end answers are taken from disjoint windows only; what no answer fills is
a gap, by name.

Every answer has a *floor*: a server that returned all it was asked for may hold more rows at
or below its last score. Listings above the highest floor are certain; for more, the windows
whose floor is too high are asked again for more rows. That one rule keeps k at k when sold
listings, further photos of one listing or windows left out of the cover thin an answer.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from api.deadline import Deadline
from api.fleet.discovery import Server
from api.fleet.plan import Call, Plan
from api.fleet.servers import NoReply, Question, Reply, ServerPool
from api.off_loop import IN_PLACE_ROWS, off_loop
from photosearch.cover import closed_gaps, cover
from photosearch.windows import Span, Window

ROUND_SHARE = 0.6  # of the time left: a round that times out leaves time for its stand-ins
SCORE_DECIMALS = 6  # the last bits of a score depend on the size of the pack it was found in

MakePlan = Callable[[Collection[str]], Awaitable[Plan]]


class Hit(NamedTuple):
    """A photo that looks like the query; a tuple, because a query makes dozens of them."""

    score: float
    listing_id: str
    photo_id: str
    window: str

    @property
    def rank(self) -> tuple[float, str]:
        """Best first; ties in the order of listing ids, so that an answer is stable."""
        return (-self.score, self.listing_id)


class WindowAnswer(NamedTuple):
    """What one window answered. All its rows with a score above ``floor`` are among ``hits``."""

    window: Window
    key: str
    version: str
    served_by: str
    stale: bool
    floor: float
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class WindowFailure:
    """A window that was asked of a server in vain."""

    window: str
    served_by: str
    reason: str


@dataclass(frozen=True)
class Composition:
    """The answers of disjoint windows, in time order, and what they leave out."""

    answers: tuple[WindowAnswer, ...]
    gaps: tuple[Span, ...]
    failures: tuple[WindowFailure, ...]

    @property
    def floor(self) -> float:
        """Every row above this score is in an answer."""
        return max((answer.floor for answer in self.answers), default=-math.inf)

    def listings(self) -> list[Hit]:
        """The best photo of each listing, best first."""
        best: dict[str, Hit] = {}
        for answer in self.answers:
            for hit in answer.hits:
                known = best.get(hit.listing_id)
                if known is None or (hit.score, known.photo_id) > (known.score, hit.photo_id):
                    best[hit.listing_id] = hit
        return sorted(best.values(), key=lambda hit: hit.rank)


@dataclass
class Conversation:
    """Asks the servers that ``plan`` names until the query has what it needs.

    ``plan`` is called with the addresses to leave out, at the start of every round, so that a
    round sees servers that came up since.
    """

    pool: ServerPool
    plan: MakePlan
    question: Question
    deadline: Deadline
    _answers: dict[str, WindowAnswer] = field(default_factory=dict)
    _failed: set[str] = field(default_factory=set)
    _failures: dict[tuple[str, str], WindowFailure] = field(default_factory=dict)

    async def gather(self, k: int, above: float = math.inf) -> Composition:
        """Ask every window of the cover for its share of the ``k`` best rows.

        Windows that have answered are asked again only if their floor is over ``above``.

        Raises:
            InvalidQuery: if a server refuses the question itself.
        """
        asked_again = {key for key, answer in self._answers.items() if answer.floor > above}
        while True:
            plan = await self.plan(self._failed)
            calls = [
                trimmed
                for call in plan.calls
                if (trimmed := self._without_answered(call, asked_again)) is not None
            ]
            if not calls or self.deadline.left_s <= 0:
                break
            timeout_s = self.deadline.left_s * ROUND_SHARE
            replies = await asyncio.gather(
                *(self._ask(call, k, timeout_s) for call in calls), return_exceptions=True
            )
            for call, reply in zip(calls, replies, strict=True):
                if isinstance(reply, NoReply):
                    self._blame(call, reply.failures)
                elif isinstance(reply, BaseException):
                    raise reply
                else:
                    many = len(reply.response.hits) + len(call.windows) > IN_PLACE_ROWS
                    await off_loop(partial(self._note, call, reply, k), if_long=many)
                    asked_again.difference_update(call.keys)
        many = len(self._answers) > IN_PLACE_ROWS
        return await off_loop(partial(self._compose, plan), if_long=many)

    def forgive(self) -> None:
        """Forget who failed: a caller that waits for them wants them asked again."""
        self._failed.clear()

    async def _ask(self, call: Call, k: int, timeout_s: float) -> Reply:
        servers = [server for server in call.servers if server.address not in self._failed]
        return await self.pool.ask(servers, self.question, k, call.keys, timeout_s)

    def _without_answered(self, call: Call, asked_again: Collection[str]) -> Call | None:
        windows = tuple(
            planned
            for planned in call.windows
            if planned.key not in self._answers or planned.key in asked_again
        )
        if len(windows) == len(call.windows):
            return call
        return Call(windows, call.servers) if windows else None

    def _blame(self, call: Call, failures: Sequence[tuple[Server, str]]) -> None:
        for server, reason in failures:
            self._failed.add(server.address)
            for planned in call.windows:  # who is asked again and fails again is told once
                failure = WindowFailure(planned.key, server.name, reason)
                self._failures[failure.window, failure.served_by] = failure

    def _note(self, call: Call, reply: Reply, k: int) -> None:
        """Keep a reply window by window, so that a later round can drop some of them."""
        self._blame(call, reply.failures)
        hits: dict[str, list[Hit]] = {}
        lowest = math.inf
        for found in reply.response.hits:
            score = round(found.score, SCORE_DECIMALS)
            lowest = min(lowest, score)
            hits.setdefault(found.window, []).append(
                Hit(score, found.listing_id, found.photo_id, found.window)
            )
        floor = lowest if len(reply.response.hits) >= k else -math.inf
        versions = {searched.window: searched.version for searched in reply.response.searched}
        for planned in call.windows:
            key = planned.key
            if key not in versions:
                self._blame(
                    replace(call, windows=(planned,)), [(reply.server, "it left the window out")]
                )
                continue
            self._answers[key] = WindowAnswer(
                planned.window,
                key,
                versions[key],
                reply.server.name,
                planned.stale,
                floor,
                tuple(hits.get(key, ())),
            )

    def _compose(self, plan: Plan) -> Composition:
        """Take disjoint windows: those of the last plan, or older answers if those fill more."""
        if self._answers.keys() == plan.windows.keys():  # nobody failed
            answers = tuple(self._answers[key] for key in plan.windows)
            return Composition(answers, plan.gaps, tuple(self._failures.values()))
        answered = [answer.window for answer in self._answers.values()]
        planned = [one.window for one in plan.windows.values() if one.key in self._answers]
        beside = [
            window for window in answered if not any(_overlap(window, one) for one in planned)
        ]
        chosen = min(
            (cover([*planned, *beside], plan.span), cover(answered, plan.span)),
            key=lambda one: sum(
                (gap.end - gap.start for gap in closed_gaps(one.gaps, plan.closed_until)),
                timedelta(),
            ),
        )
        answers = tuple(self._answers[window.key] for window in chosen.windows)
        gaps = closed_gaps(chosen.gaps, plan.closed_until)
        return Composition(answers, gaps, tuple(self._failures.values()))


def _overlap(one: Window, other: Window) -> bool:
    return one.start < other.end and other.start < one.end
