"""Two days of time pass under continuous load: no query fails, nothing is twice or missing.

Hours become days and retire, a late listing makes a day stale, a day comes out damaged and is
repaired: index servers, images, deployer and API are real, the clock and the publishing are
the test's.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from api.fleet.discovery import EndpointWatch
from controller.local.deployer import LocalDeployer
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.reconcile import ServingReconciler
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo
from photosearch.oci.opening import open_builder
from photosearch.settings.settings import Settings
from photosearch.windows import DAY, HOUR, Granularity, Window
from tests.api.served import serving
from tests.controller.made_repository import FINGERPRINT, MadeRepository, made_settings, vectors_of

START = datetime(2026, 11, 1, tzinfo=UTC)
ROWS = 3
LATE = 5
"""Rows of an hour that two late listings have joined."""
STEP = 6  # hours published between two looks of the deployer, so that the test is short


@dataclass
class Load:
    """Asks for everything, again and again, and holds each answer against what was there."""

    client: httpx.Client
    vector: list[float]
    answers: int = 0
    faults: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    #: The windows of the last answer.
    answering: set[str] = field(default_factory=set)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            known = set(self.seen)
            question = {"vector": self.vector, "fingerprint": FINGERPRINT, "k": 500}
            answer = self.client.post("/v1/search", json=question)
            if answer.status_code != 200:
                if known:  # before the first server is up there is nothing to ask
                    self.faults.append(f"{answer.status_code} {answer.text[:200]}")
                continue
            found = [result["listing_id"] for result in answer.json()["results"]]
            self.answers += 1
            self.faults += [f"{one} came {n} times" for one, n in Counter(found).items() if n > 1]
            if missing := known - set(found):
                coverage = answer.json()["coverage"]
                self.faults.append(f"{sorted(missing)[:3]} of {len(missing)} missing: {coverage}")
            self.seen |= set(found)
            self.answering = {one["window"] for one in answer.json()["coverage"]["windows"]}


@dataclass
class Time:
    """The clock of the deployer, the packing and the API."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_query_fails_and_no_listing_is_twice_or_missing_while_two_days_roll_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.local.deployer.POLL_S", 0.2)
    settings = made_settings(
        tmp_path, drain_s=0.6, small_pack_bytes=0, timeline_start="2026-11-01T00:00:00Z"
    )
    made = MadeRepository(settings)
    hours = Window(Granularity.DAILY, START).children()
    hours += Window(Granularity.DAILY, START + DAY).children()
    _list(settings, hours)
    clock = Time()
    reconciler = ServingReconciler(
        settings, made.repository, open_builder(settings), clock, first_retry_s=1.0
    )
    deployer = LocalDeployer(settings, clock=clock, first_retry_of_refused_s=1.0)
    deployer.adopt()
    discovery = EndpointWatch(open_desk(settings).endpoints)
    with ending(deployer), serving(settings, discovery, now=clock) as client:
        vector = vectors_of(hours[0], ROWS)[0].tolist()
        load = Load(client, vector)
        with _asking(load):

            def until_found(
                wanted: set[str], windows: set[str] | int, within_s: float = 240
            ) -> None:
                """Step until all of it is found, by these windows (or so many) alone."""
                limit = time.monotonic() + within_s
                while not wanted <= load.seen or windows not in (
                    load.answering,
                    len(load.answering),
                ):
                    assert time.monotonic() < limit, (wanted - load.seen, load.faults[:3])
                    assert not load.faults, load.faults[:3]
                    if not reconciler.compare().is_settled:
                        reconciler.build()
                        reconciler.ask()
                    deployer.reconcile()
                    time.sleep(0.05)

            expected: set[str] = set()
            for number, hour in enumerate(hours):
                clock.now = hour.end + timedelta(minutes=1)
                made.hour(hour.key, ROWS)
                expected |= _listings(hour, ROWS)
                day = hour.parent()
                assert day is not None
                if hour.end < day.end and number % STEP == STEP - 1:
                    until_found(expected, number % 24 + 1 + (day.start > START))
                if hour.end == day.end and day.start == START:
                    made.glue(day.key)
                    until_found(expected, {day.key})
                    while len(open_desk(settings).endpoints.read()) > 1:  # its hours retire
                        deployer.reconcile()
                        time.sleep(0.05)
                    # Two late listings: the day is stale, its hours answer until it is glued.
                    made.hour(hours[5].key, LATE)
                    expected |= _listings(hours[5], LATE)
                    until_found(expected, 24)
                    made.glue(day.key)
                    until_found(expected, {day.key})
                if hour.end == day.end and day.start > START:
                    damaged = made.glue(day.key)
                    made.flip_a_bit(damaged)
                    until_found(expected, 25)
                    assert [one.window for one in open_desk(settings).refused("builder")] == [day]
                    made.glue(day.key)
                    time.sleep(1.1)
                    clock.now += timedelta(minutes=1)  # the pause after the refusal is over
                    until_found(expected, {f"daily/2026-11-0{n}" for n in (1, 2)})
    assert load.faults == []
    assert load.seen == expected
    assert load.answers > 50


@contextmanager
def ending(deployer: LocalDeployer) -> Iterator[None]:
    try:
        yield
    finally:
        deployer.end_all()


@contextmanager
def _asking(load: Load) -> Iterator[None]:
    stop = threading.Event()
    asker = threading.Thread(target=load.run, args=(stop,))
    asker.start()
    try:
        yield
    finally:
        stop.set()
        asker.join()


def _listings(hour: Window, rows: int) -> set[str]:
    return {f"listing {hour.key}#{number}" for number in range(rows)}


def _list(settings: Settings, hours: list[Window]) -> None:
    photos = [
        Photo(f"{hour.key}#{n}", f"listing {hour.key}#{n}", "x", hour.start + n * HOUR / 60)
        for hour in hours
        for n in range(LATE)
    ]
    listings = [
        Listing(one.listing_id, one.listing_id, 1.0, "made", "live", one.listed_at, (one.photo_id,))
        for one in photos
    ]
    with Catalogue.open(settings) as catalogue:
        catalogue.create_tables()
        catalogue.write(listings, photos)
