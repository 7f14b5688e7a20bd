"""What is asked for, let go, refused and running: the same behind every desk."""

import tempfile
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index_grpc.serving.desk import (
    CrashingServing,
    DeskError,
    Endpoint,
    EndpointWindow,
    RefusedIndex,
)
from index_grpc.serving.serving import ServedWindow, Serving, ServingError
from photosearch.windows import Window
from tests.desk.conftest import Desk

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
HOURS = [f"hourly/2026-11-23T{hour:02}" for hour in range(4)]


def serving(*hours: str, image: str | None = "sha256:" + "1" * 64) -> Serving:
    windows = [(Window.parse(hour), "v1") for hour in hours]
    made = Serving.of(windows, fingerprint="f", quantiser=None, tier="hours")
    return made.model_copy(update={"image": image})


def endpoint(name: str, rows: int = 3) -> Endpoint:
    return Endpoint(
        serving=name,
        address="127.0.0.1:4000",
        fingerprint="f",
        quantiser=None,
        windows=(EndpointWindow(window=HOURS[0], version="v1", rows=rows),),
        process="1",
        ready_at=NOW,
    )


def refused(version: str, **values: object) -> RefusedIndex:
    return RefusedIndex.model_validate(
        {"window": HOURS[0], "version": version, "reason": "why", "retry_at": NOW} | values
    )


def test_nothing_is_there_before_anything_is_asked_for(desk: Desk) -> None:
    assert not desk.open().is_there()
    assert desk.open().asked() == desk.open().let_go_of() == {}
    assert desk.open().endpoints.read() == []
    assert desk.open().refused("builder") == []
    assert desk.open().crashing() == []
    assert list(desk.open().damages()) == []

    desk.open().ask(serving(HOURS[0]))

    assert desk.open().is_there()


def test_a_desk_has_one_name_whoever_asks_and_no_two_have_the_same(
    desk: Desk, make_desk: Callable[[Path], Desk], tmp_path: Path
) -> None:
    names = set()
    threads = [threading.Thread(target=lambda: names.add(desk.open().name())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    [name] = names
    assert desk.open().name() == name
    assert make_desk(tmp_path / "other").open().name().identity != name.identity
    assert desk.open().asked() == {}


def test_others_see_what_is_asked_for_as_it_was_asked(desk: Desk) -> None:
    one, other = serving(HOURS[0], HOURS[1]), serving(HOURS[2])

    desk.open().ask(one)
    desk.open().ask(other)

    assert desk.open().asked(strict=True) == {one.name: one, other.name: other}
    assert list(desk.open().damages()) == []


def test_another_image_takes_the_place_of_the_one_before(desk: Desk) -> None:
    desk.open().ask(serving(HOURS[0]))
    built_anew = serving(HOURS[0], image="sha256:" + "2" * 64)

    desk.open().ask(built_anew)

    assert desk.open().asked() == {built_anew.name: built_anew}


def test_a_serving_without_image_can_not_be_asked_for(desk: Desk) -> None:
    with pytest.raises(ServingError, match="names no image"):
        desk.open().ask(serving(HOURS[0], image=None))

    assert desk.open().asked() == {}


def test_a_serving_that_is_let_go_stays_known_until_it_is_removed(desk: Desk) -> None:
    one = serving(HOURS[0])
    desk.open().ask(one)

    before = datetime.now(UTC)
    desk.open().let_go(one.name)

    assert desk.open().asked() == {}
    let_go = desk.open().let_go_of(strict=True)[one.name]
    assert let_go.image == one.image
    assert let_go.windows == one.windows
    assert before <= let_go.let_go_at <= datetime.now(UTC)
    assert list(desk.open().damages()) == []
    desk.open().remove(one.name)
    desk.open().remove(one.name)
    assert desk.open().let_go_of() == {}


def test_letting_go_twice_does_not_make_it_later(desk: Desk) -> None:
    one = serving(HOURS[0])
    desk.open().ask(one)
    desk.open().let_go(one.name)
    before = desk.open().let_go_of()

    desk.open().let_go(one.name)
    desk.open().let_go("never-asked-for")

    assert desk.open().let_go_of() == before


def test_asking_again_takes_back_what_was_let_go(desk: Desk) -> None:
    one = serving(HOURS[0])
    desk.open().ask(one)
    desk.open().let_go(one.name)

    desk.open().ask(one)

    assert desk.open().asked() == {one.name: one}
    assert desk.open().let_go_of() == {}


def test_what_is_asked_for_can_not_be_removed(desk: Desk) -> None:
    one = serving(HOURS[0])
    desk.open().ask(one)

    desk.open().remove(one.name)

    assert desk.open().asked() == {one.name: one}


STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "let go", "remove"]), st.sampled_from(HOURS)), max_size=12
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(STEPS)
def test_whatever_is_done_a_serving_is_asked_for_let_go_or_gone(
    make_desk: Callable[[Path], Desk], steps: Iterable[tuple[str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = make_desk(Path(folder)).open()
        states: dict[str, str] = {}
        for what, hour in steps:
            one = serving(hour)
            if what == "ask":
                desk.ask(one)
                states[one.name] = "asked"
            elif what == "let go":
                desk.let_go(one.name)
                if one.name in states:
                    states[one.name] = "let go"
            else:
                desk.remove(one.name)
                if states.get(one.name) == "let go":
                    del states[one.name]

            assert desk.asked().keys() == {n for n, state in states.items() if state == "asked"}
            assert desk.let_go_of().keys() == {n for n, s in states.items() if s == "let go"}


def test_what_can_not_be_read_hides_no_other_and_is_no_answer_for_who_deletes(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    one, damaged = serving(HOURS[0]), serving(HOURS[1])
    desk.open().ask(one)
    desk.open().ask(damaged)
    desk.damage(damaged.name)

    assert desk.open().asked().keys() == {one.name}
    assert damaged.name in caplog.text
    with pytest.raises(DeskError, match="a Serving that is asked for can't be read: found"):
        desk.open().asked(strict=True)


def test_what_is_not_as_it_was_written_is_told_and_can_be_discarded(desk: Desk) -> None:
    one = serving(HOURS[0])
    desk.open().ask(one)
    desk.damage(one.name)

    [told] = desk.open().damages()
    assert told.serving == one.name
    [discarded] = desk.open().damages(discard=True)

    assert discarded == told
    assert list(desk.open().damages()) == []
    assert desk.open().asked(strict=True) == {}


def test_builder_and_deployer_each_tell_what_they_refuse(desk: Desk) -> None:
    by_builder = [refused("v1"), refused("v2", times=3, left_out=False)]
    by_deployer = [refused("v3", crashed=True, retry_at=NOW + timedelta(seconds=30))]

    desk.open().tell_refused("builder", by_builder)
    desk.open().tell_refused("deployer", by_deployer)

    assert desk.open().refused("builder") == by_builder
    assert desk.open().refused("deployer") == by_deployer
    desk.open().tell_refused("builder", [])
    assert desk.open().refused("builder") == []
    assert desk.open().refused("deployer") == by_deployer


def test_what_crashes_is_told_until_it_does_no_more(desk: Desk) -> None:
    windows = tuple(ServedWindow(window=hour, version="v1") for hour in HOURS)
    crashing = CrashingServing(
        name="s", windows=windows, apart=windows[:1], reason="why", crashes=3, retry_at=NOW
    )

    desk.open().tell_crashing([crashing])

    assert desk.open().crashing() == [crashing]
    assert list(desk.open().damages()) == []
    desk.open().tell_crashing([])
    assert desk.open().crashing() == []


def test_of_two_askers_one_waits_for_the_other(desk: Desk) -> None:
    order = []
    waits = threading.Event()

    def second() -> None:
        waits.set()
        with desk.open().one_asker():
            order.append("second")

    with desk.open().one_asker():
        thread = threading.Thread(target=second)
        thread.start()
        waits.wait()
        thread.join(0.2)
        order.append("first")
    thread.join()

    assert order == ["first", "second"]


def test_a_server_that_is_announced_is_found_until_it_is_withdrawn(desk: Desk) -> None:
    desk.announce(endpoint("b"))
    desk.announce(endpoint("a"))

    assert desk.open().endpoints.read(strict=True) == [endpoint("a"), endpoint("b")]
    assert desk.open().endpoints.own() == [endpoint("a"), endpoint("b")]
    desk.withdraw("a")
    assert desk.open().endpoints.read() == [endpoint("b")]


def test_the_edition_is_another_whenever_the_servers_are(desk: Desk) -> None:
    endpoints = desk.open().endpoints
    changes: list[Callable[[], None]] = [
        lambda: desk.announce(endpoint("a")),
        lambda: desk.announce(endpoint("b")),
        lambda: desk.announce(endpoint("b", rows=4)),
        lambda: desk.withdraw("a"),
    ]

    editions = [endpoints.edition()]
    for change in changes:
        change()
        assert endpoints.edition() == endpoints.edition()
        editions.append(endpoints.edition())

    assert all(one != other for one, other in pairwise(editions))
