"""The next step with the index servers, decided from what is asked for and what is seen."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.decide import Action, Decision, Rules, Verb, decide
from controller.refusals import LAST_RETRY_S, Refusals
from controller.seen import KnownIndexes, SeenServer, ServerFailure, ServingState, keys_of
from index_grpc.serving.serving import Serving
from photosearch.windows import Window

NOW = 1000.0
CLOCK = datetime(2026, 11, 23, 14, tzinfo=UTC)
DRAIN_S = 10.0
RULES = Rules(DRAIN_S, first_retry_s=30.0)
DAYS = [Window.parse("daily/2026-11-21"), Window.parse("daily/2026-11-22")]
HOURS = {day: list(day.children()) for day in DAYS}


def serving(windows: Iterable[Window], version: str = "1", fingerprint: str = "f") -> Serving:
    made = Serving.of(
        [(window, version) for window in windows], fingerprint=fingerprint, quantiser=None
    )
    return made.model_copy(update={"image": f"sha256:{made.name}"})


DAY, NEWER = serving(DAYS[:1]), serving(DAYS[:1], "2")
ALL_HOURS, HALF = serving(HOURS[DAYS[0]]), serving(HOURS[DAYS[0]][:12])
OTHER_HALF = serving(HOURS[DAYS[0]][12:])
OTHER_DAY, BOTH_DAYS = serving(DAYS[1:]), serving(DAYS)
PREPARED = serving(DAYS[:1], fingerprint="next")


def ready(one: Serving, since: int = 0, **values: object) -> SeenServer:
    """Answers, and is announced ``since`` then."""
    return replace(
        SeenServer(
            one,
            ServingState.READY,
            runs=True,
            answered=True,
            announced=True,
            ready_at=CLOCK + timedelta(seconds=since),
            loaded_at=NOW - 100 + since,
        ),
        **values,  # type: ignore[arg-type]
    )


def starting(one: Serving, **values: object) -> SeenServer:
    return replace(SeenServer(one, ServingState.STARTING, runs=True), **values)  # type: ignore[arg-type]


def retiring(one: Serving, for_s: float, **values: object) -> SeenServer:
    told = {"state": ServingState.RETIRING, "wanted": False, "unneeded_since": NOW - for_s} | values
    return ready(one, **told)  # type: ignore[arg-type]


def waiting(one: Serving, **values: object) -> SeenServer:
    return replace(SeenServer(one), **values)  # type: ignore[arg-type]


def current(windows: Iterable[Window] | None = DAYS, fingerprint: str = "f") -> KnownIndexes:
    return KnownIndexes(
        fingerprint, None if windows is None else [*windows], versions=None, closed_until=CLOCK
    )


def decided(
    asked: Iterable[Serving],
    seen: Iterable[SeenServer],
    held: KnownIndexes | None = None,
    refusals: Refusals | None = None,
    now: float = NOW,
) -> Decision:
    return decide(
        {one.name: one for one in asked},
        {one.name: one for one in seen},
        refusals or Refusals(),
        held or current(),
        now,
        RULES,
    )


def start(one: Serving) -> Action:
    return Action(Verb.START, one.name)


def retire(one: Serving) -> Action:
    return Action(Verb.RETIRE, one.name)


let_go = {"wanted": False}
CASES: dict[str, tuple[list[Serving], list[SeenServer], KnownIndexes | None, list[Action]]] = {
    "nothing is asked for and nothing runs": ([], [], None, []),
    "what is asked for is started": ([DAY], [], None, [start(DAY)]),
    "what is asked for and answers is let be": ([DAY], [ready(DAY)], None, []),
    "two load at once and the third waits": (
        [OTHER_DAY, HALF, OTHER_HALF],
        [],
        None,
        [start(OTHER_DAY), start(HALF)],
    ),
    "one that holds the same windows as one that loads waits": (
        [NEWER, OTHER_DAY],
        [starting(DAY)],
        None,
        [start(OTHER_DAY)],
    ),
    "after a failure its pause is kept": (
        [DAY],
        [waiting(DAY, failures=1, retry_at=NOW + 1)],
        None,
        [],
    ),
    "after the pause it is started again": (
        [DAY],
        [waiting(DAY, failures=1, retry_at=NOW)],
        None,
        [start(DAY)],
    ),
    "an image that was built anew is tried at once": (
        [DAY.model_copy(update={"image": "sha256:anew"})],
        [waiting(DAY, failures=1, retry_at=NOW + 1)],
        None,
        [start(DAY)],
    ),
    "the version before answers while the new one loads": (
        [NEWER],
        [ready(DAY), starting(NEWER)],
        None,
        [],
    ),
    "the version before answers until the new one is announced": (
        [NEWER],
        [ready(DAY), ready(NEWER, 1, announced=False)],
        None,
        [],
    ),
    "the version before retires when the new one answers": (
        [NEWER],
        [ready(DAY), ready(NEWER, 1)],
        None,
        [retire(DAY)],
    ),
    "half way it is withdrawn": (
        [NEWER],
        [retiring(DAY, DRAIN_S / 2), ready(NEWER, 1)],
        None,
        [Action(Verb.WITHDRAW, DAY.name)],
    ),
    "at last it is ended": (
        [NEWER],
        [retiring(DAY, DRAIN_S, announced=False), ready(NEWER, 1)],
        None,
        [Action(Verb.END, DAY.name)],
    ),
    "what was told to end is told once": (
        [NEWER],
        [retiring(DAY, DRAIN_S, announced=False, is_ending=True), ready(NEWER, 1)],
        None,
        [],
    ),
    "what has ended is forgotten": (
        [NEWER],
        [waiting(DAY, wanted=False, answered=True), ready(NEWER, 1)],
        None,
        [Action(Verb.DROP, DAY.name)],
    ),
    "it goes on answering when its successor dies meanwhile": (
        [NEWER],
        [retiring(DAY, 1), waiting(NEWER, retry_at=NOW + 1)],
        None,
        [Action(Verb.KEEP, DAY.name)],
    ),
    "what dies while nobody else answers is started again, though asked for no longer": (
        [NEWER],
        [waiting(DAY, wanted=False, answered=True), waiting(NEWER, retry_at=NOW + 1)],
        None,
        [start(DAY)],
    ),
    "what never answered and is asked for no longer is forgotten": (
        [],
        [waiting(DAY, wanted=False)],
        None,
        [Action(Verb.DROP, DAY.name)],
    ),
    "what loads for nobody is ended": (
        [NEWER],
        [starting(DAY, wanted=False), ready(NEWER)],
        None,
        [Action(Verb.END, DAY.name)],
    ),
    "what retires and is asked for again is taken back": (
        [DAY],
        [retiring(DAY, 1), ready(NEWER, 1)],
        None,
        [Action(Verb.TAKE_BACK, DAY.name), retire(NEWER)],
    ),
    "a day takes over from all its hours": (
        [DAY],
        [ready(HALF), ready(OTHER_HALF), ready(DAY, 1)],
        None,
        [retire(HALF), retire(OTHER_HALF)],
    ),
    "hours take over from their day when all of them answer": (
        [HALF, OTHER_HALF],
        [ready(DAY), ready(HALF, 1), ready(OTHER_HALF, 2)],
        None,
        [retire(DAY)],
    ),
    "half of its hours do not take over from a day": (
        [HALF, OTHER_HALF],
        [ready(DAY), ready(HALF, 1), starting(OTHER_HALF)],
        None,
        [],
    ),
    "a pack stays for one window that nobody else answers": (
        [DAY],
        [ready(BOTH_DAYS, wanted=False), ready(DAY, 1)],
        None,
        [],
    ),
    "what was taken away on purpose may go, though nobody answers for it": (
        [OTHER_DAY],
        [ready(DAY, wanted=False), ready(OTHER_DAY)],
        current(DAYS[1:]),
        [retire(DAY)],
    ),
    "nothing goes while it is not known what was taken away": (
        [OTHER_DAY],
        [ready(DAY, wanted=False), ready(OTHER_DAY)],
        current(None),
        [],
    ),
    "of two that nobody asks for the later goes on": (
        [],
        [ready(NEWER, 1, wanted=False), ready(DAY, wanted=False)],
        None,
        [retire(DAY)],
    ),
    "a day of tomorrow that a clock ahead made may go": (
        [HALF],
        [ready(DAY, wanted=False), ready(HALF, 1)],
        replace(current(), closed_until=HALF.windows[-1].window.end),
        [retire(DAY)],
    ),
    "another embedder's servers do not take over": (
        [PREPARED, NEWER],
        [ready(DAY), ready(PREPARED, 1), starting(NEWER)],
        None,
        [],
    ),
    "the next embedder's take over when they are current and the others asked for no more": (
        [PREPARED],
        [ready(DAY), ready(PREPARED, 1)],
        current(fingerprint="next"),
        [retire(DAY)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_next_step_is(name: str) -> None:
    asked, seen, held, expected = CASES[name]
    wanted = {one.name for one in asked}
    # Whoever answers and is not asked for was so at the last look too, unless it says otherwise.
    seen = [one if one.name in wanted else replace(one, wanted=False) for one in seen]

    decision = decided(asked, seen, held)

    assert list(decision.actions) == expected
    assert set(decision.wanted) == wanted
    assert decision.refusals == Refusals()


def test_a_refused_index_is_left_out_and_tried_again_after_its_pause() -> None:
    [index] = keys_of(DAY)
    refuses = waiting(DAY, failure=ServerFailure("a flipped bit", index))

    first = decided([DAY, OTHER_DAY], [refuses, ready(OTHER_DAY)])
    assert first.wanted.keys() == {OTHER_DAY.name}
    [told] = first.refusals.refused(NOW, CLOCK)
    assert (told.key, told.reason, told.times, told.left_out) == (index, "a flipped bit", 1, True)
    assert told.retry_at == CLOCK + timedelta(seconds=30)

    seen = [ready(OTHER_DAY)]
    too_early = decided([DAY, OTHER_DAY], seen, refusals=first.refusals, now=NOW + 29)
    assert too_early.actions == ()
    in_time = decided([DAY, OTHER_DAY], seen, refusals=first.refusals, now=NOW + 30)
    assert in_time.actions == (start(DAY),)
    loaded = ready(DAY, loaded_at=NOW + 31)
    after = decided([DAY, OTHER_DAY], [*seen, loaded], refusals=in_time.refusals, now=NOW + 32)
    assert after.refusals.is_empty


def test_a_server_that_had_it_in_memory_before_says_nothing_of_a_refused_index() -> None:
    refuses = waiting(NEWER, failure=ServerFailure("a flipped bit", (DAYS[0], "1")))

    decision = decided([NEWER, DAY], [refuses, ready(DAY)])

    assert list(decision.refusals.indexes) == [(DAYS[0], "1")]


def test_a_pack_that_crashes_is_taken_apart_but_for_what_others_have_loaded() -> None:
    crashes = waiting(BOTH_DAYS, crashes=3, failure=ServerFailure("SIGSEGV", crashed=True))
    apart = serving(DAYS[1:])

    decision = decided([BOTH_DAYS], [crashes, ready(DAY)])

    assert decision.wanted == {}
    [told] = decision.refusals.crashing(NOW, CLOCK)
    assert [one.window for one in told.apart] == DAYS[1:]
    assert "served apart" in decision.told[0]
    follows = decided([apart, DAY], [ready(DAY)], refusals=decision.refusals, now=NOW + 1)
    assert follows.actions == (start(apart),)


def test_a_pack_that_was_taken_apart_stays_so_for_whoever_comes_next() -> None:
    crashes = waiting(BOTH_DAYS, crashes=3, failure=ServerFailure("SIGSEGV", crashed=True))
    alone = waiting(OTHER_DAY, crashes=3, failures=3, retry_at=NOW + 4, failure=crashes.failure)
    unsigned = waiting(
        HALF, failures=2, retry_at=NOW + 2, failure=ServerFailure("nobody signed it")
    )
    before = decided([BOTH_DAYS, OTHER_DAY, HALF], [crashes, alone, unsigned]).refusals

    later, clock = NOW + 1, CLOCK + timedelta(seconds=1)
    told = before.refused(later, clock), before.crashing(later, clock)
    after = Refusals.told(*told, now=5.0, clock=clock)  # of another machine's start

    assert after.packs.keys() == before.packs.keys() == {BOTH_DAYS.name, HALF.name}
    for name, pack in after.packs.items():
        pause = before.packs[name].pause
        moved = replace(pause, retry_at=pause.retry_at - later + 5.0)
        assert pack == replace(before.packs[name], pause=moved)
    assert after.pause_of(HALF.name).retry_at == 6.0
    assert decided([BOTH_DAYS, HALF], [], refusals=after, now=5.5).actions == ()
    joined = decided([BOTH_DAYS], [], refusals=after, now=5.0 + 60)
    assert joined.actions == (start(BOTH_DAYS),)
    again = Refusals.told([], joined.refusals.crashing(65.0, clock), now=65.0, clock=clock)
    assert again.packs[BOTH_DAYS.name].is_joined


def test_what_is_refused_is_not_forgotten_while_the_repository_was_never_read() -> None:
    refuses = waiting(DAY, failure=ServerFailure("a flipped bit", (DAYS[0], "1")))
    first = decided([DAY], [refuses])

    unread = decided([], [], current(None), first.refusals)
    assert list(unread.refusals.indexes) == [(DAYS[0], "1")]
    read = replace(current(), versions=frozenset())
    assert decided([], [], read, first.refusals).refusals.is_empty


@settings(deadline=None)
@given(st.lists(st.floats(0, 5000), min_size=1, max_size=12), st.booleans())
def test_what_fails_again_and_again_is_tried_at_ever_longer_pauses(
    late: list[float], told_in_between: bool
) -> None:
    """Whoever comes next after each failure goes on where the former was."""
    now, clock, pauses, refusals = NOW, CLOCK, [], Refusals()
    for more in late:
        fails = waiting(DAY, failure=ServerFailure("why", (DAYS[0], "1")))
        refusals = decided([DAY], [fails], refusals=refusals, now=now).refusals
        if told_in_between:
            told = refusals.refused(now, clock), refusals.crashing(now, clock)
            refusals = Refusals.told(*told, now, clock)
        [one] = refusals.indexes.values()
        pauses.append(one.pause.retry_at - now)
        assert not decided([DAY], [], refusals=refusals, now=one.pause.retry_at - 0.5).actions
        now, clock = one.pause.retry_at + more, clock + timedelta(seconds=pauses[-1] + more)
        again = decided([DAY], [], refusals=refusals, now=now)
        assert again.actions == (start(DAY),)
        refusals = again.refusals

    expected = [min(30.0 * 2**number, LAST_RETRY_S) for number in range(len(pauses))]
    assert pauses == pytest.approx(expected, abs=0.01)


def test_a_pause_that_was_told_by_a_clock_ahead_does_not_outlast_the_longest() -> None:
    refuses = waiting(DAY, failure=ServerFailure("why", (DAYS[0], "1")))
    refusals = decided([DAY], [refuses]).refusals
    told = refusals.refused(NOW, CLOCK + timedelta(days=3))

    [one] = Refusals.told(told, [], NOW, CLOCK).indexes.values()

    assert one.pause.retry_at == NOW + LAST_RETRY_S


POOL = [
    serving(windows, version, fingerprint)
    for day in DAYS
    for windows in ([day], HOURS[day], HOURS[day][:12], HOURS[day][12:])
    for version in ("1", "2")
    for fingerprint in ("f", "next")
] + [BOTH_DAYS]


@st.composite
def servers(draw: st.DrawFn) -> dict[str, SeenServer]:
    seen = {}
    for number, one in enumerate(draw(st.lists(st.sampled_from(POOL), unique_by=id, max_size=6))):
        state = draw(st.sampled_from(ServingState))
        has_loaded = state in (ServingState.READY, ServingState.RETIRING)
        is_ending = state is not ServingState.WAITING and draw(st.booleans())
        began = CLOCK + timedelta(seconds=number) if has_loaded else None
        waited = draw(st.sampled_from([0, 0.4, 0.6, 1.2])) * DRAIN_S
        seen[one.name] = SeenServer(
            one,
            state,
            wanted=draw(st.booleans()),
            runs=state is not ServingState.WAITING,
            is_ending=is_ending,
            answered=has_loaded or draw(st.booleans()),
            announced=has_loaded and not is_ending and draw(st.booleans()),
            ready_at=began,
            loaded_at=NOW if has_loaded else None,
            unneeded_since=NOW - waited if state is ServingState.RETIRING else None,
            retry_at=draw(st.sampled_from([0.0, NOW + 5])),
        )
    return seen


def hours_of(windows: Iterable[Window]) -> set[datetime]:
    return {
        window.start + timedelta(hours=hour)
        for window in windows
        for hour in range(int((window.end - window.start) / timedelta(hours=1)))
    }


ASKED = st.lists(st.sampled_from(POOL), unique_by=id, max_size=5).map(
    lambda some: {one.name: one for one in some}
)
HELD = st.one_of(st.none(), st.lists(st.sampled_from(DAYS), unique=True)).map(current)


@settings(deadline=None)
@given(ASKED, servers(), HELD)
def test_nobody_goes_whose_time_nobody_else_answers(
    asked: Mapping[str, Serving], seen: dict[str, SeenServer], held: KnownIndexes
) -> None:
    decision = decide(asked, seen, Refusals(), held, NOW, RULES)

    done = {verb: {a.name for a in decision.actions if a.verb is verb} for verb in Verb}
    going = done[Verb.RETIRE] | done[Verb.WITHDRAW] | done[Verb.END]
    still = {
        name
        for name, one in seen.items()
        if one.announced
        and name not in going
        and (one.state is ServingState.READY or name in done[Verb.KEEP] | done[Verb.TAKE_BACK])
    }
    for name in going:
        gone = seen[name]
        if not gone.announced:
            continue
        fingerprint = gone.serving.fingerprint
        is_asked = any(one.fingerprint == fingerprint for one in asked.values())
        successor = fingerprint if is_asked else held.fingerprint
        answered = hours_of(
            window
            for other in still
            if seen[other].serving.fingerprint == successor
            for window in seen[other].windows
        )
        for window in gone.windows:
            lies_in = held.windows is None or any(
                window.start < other.end and other.start < window.end for other in held.windows
            )
            if fingerprint != held.fingerprint or lies_in:
                assert hours_of([window]) <= answered, f"{window} of {name} is lost"
    assert not going & asked.keys()
    assert not done[Verb.DROP] & asked.keys()


@settings(deadline=None)
@given(ASKED, servers(), HELD)
def test_what_starts_is_due_and_does_not_load_what_already_loads(
    asked: Mapping[str, Serving], seen: dict[str, SeenServer], held: KnownIndexes
) -> None:
    decision = decide(asked, seen, Refusals(), held, NOW, RULES)

    loading = [one for one in seen.values() if one.state is ServingState.STARTING]
    before = len(loading)
    for action in decision.actions:
        if action.verb is Verb.START:
            one = seen.get(action.name) or SeenServer(asked[action.name])
            assert one.state is ServingState.WAITING
            assert one.retry_at <= NOW
            assert action.name in asked or one.answered
            assert all(set(one.windows).isdisjoint(other.windows) for other in loading)
            loading.append(one)
    assert len(loading) <= max(before, RULES.starts_at_once)
    assert decide(asked, seen, Refusals(), held, NOW, RULES) == decision


#: A server takes longer to load than an old one is kept once it is not needed.
STEP_S, LOADS_FOR_S = DRAIN_S / 4, DRAIN_S * 1.5


def carried_out(
    seen: Mapping[str, SeenServer], decision: Decision, now: float
) -> dict[str, SeenServer]:
    """The servers at the next look, on a machine where nothing fails."""
    after = {}
    for name in [*seen, *(decision.wanted.keys() - seen.keys())]:
        one = seen.get(name) or SeenServer(decision.wanted[name])
        if one.is_ending:
            one = waiting(one.serving, answered=one.answered)
        verbs = {action.verb for action in decision.actions if action.name == name}
        if Verb.DROP in verbs:
            continue
        if Verb.START in verbs:
            one = replace(one, state=ServingState.STARTING, runs=True, retry_at=now)
        elif one.state is ServingState.STARTING and now >= one.retry_at + LOADS_FOR_S:
            one = ready(one.serving, loaded_at=now, ready_at=CLOCK + timedelta(seconds=now))
        if verbs & {Verb.KEEP, Verb.TAKE_BACK}:
            one = replace(one, state=ServingState.READY, unneeded_since=None, announced=one.runs)
        if Verb.RETIRE in verbs:
            one = replace(one, state=ServingState.RETIRING, unneeded_since=now)
        if verbs & {Verb.WITHDRAW, Verb.END}:
            one = replace(one, announced=False)
        after[name] = replace(one, wanted=name in decision.wanted, is_ending=Verb.END in verbs)
    return after


def answered_by(seen: Mapping[str, SeenServer]) -> set[datetime]:
    return hours_of(window for one in seen.values() if one.announced for window in one.windows)


@settings(deadline=None)
@given(st.lists(st.sampled_from([DAYS, *([day] for day in DAYS)]), min_size=1, max_size=4))
def test_whatever_is_asked_for_comes_to_run_and_nothing_else_without_a_gap(
    plans: list[list[Window]],
) -> None:
    """Ask for something else before what was asked for last has come to run, several times."""
    seen: dict[str, SeenServer] = {}
    asked: dict[str, Serving] = {}
    always: set[datetime] = set()
    now = NOW
    for number, days in enumerate(plans):
        made = [serving([day], version=str(number)) for day in days]
        asked = {one.name: one for one in made}
        for _ in range(12 if number < len(plans) - 1 else 60):
            decision = decide(asked, seen, Refusals(), current(days), now, RULES)
            seen = carried_out(seen, decision, now)
            always = (always & hours_of(days)) | (answered_by(seen) & hours_of(days))
            assert always <= answered_by(seen)
            now += STEP_S

    assert seen.keys() == asked.keys()
    assert all(one.state is ServingState.READY and one.announced for one in seen.values())
    assert decide(asked, seen, Refusals(), current(plans[-1]), now, RULES).actions == ()
