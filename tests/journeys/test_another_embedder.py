"""``photosearch embedder use``: another embedder, and back, while shoppers go on searching."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from photosearch.repository.embedder_roles import Role, note, read_noted
from photosearch.repository.readiness import current_fingerprint
from photosearch.repository.repository import Repository
from photosearch.settings.settings import load_settings
from tests.journeys.installation import (
    Installation,
    answers,
    closed_hour,
    first_listing,
    hard_picture,
    search,
    wait_for,
)

# Commands one after another, a core each: a limit for what hangs, not for what is slow.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FLOAT32 = Path(str(files("photosearch") / "embedder/networks/efficientnet_lite0/float32.onnx"))


@pytest.fixture
def shop(tmp_path: Path) -> Installation:
    """Ten listings of one hour, made and shipped."""
    made = Installation(tmp_path)
    made.configure()
    for number in range(10):
        made.draw(number, closed_hour().start)
    made.run("init", "--photos", "photos")
    made.run("materialize", "--window", closed_hour().key)
    return made


@dataclass
class Shoppers:
    """Every answer and what was wrong with it, in the order of the answers."""

    fingerprints: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def search(self, client: httpx.Client, picture: bytes, expected: set[str]) -> None:
        reply = client.post("/v1/search", files={"photo": picture}, data={"k": "50"})
        if reply.status_code != 200:
            self.faults.append(reply.text)
            return
        answer: dict[str, Any] = reply.json()
        self.fingerprints.append(answer["coverage"]["fingerprint"])
        if {hit["listing_id"] for hit in answer["results"]} != expected:
            self.faults.append(str(answer["coverage"]))


@contextmanager
def searching(url: httpx.URL, expected: set[str]) -> Iterator[Shoppers]:
    """Search without a pause while the block runs."""
    shoppers, stop = Shoppers(), threading.Event()

    def work() -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while not stop.is_set():
                shoppers.search(client, hard_picture(3), expected)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield shoppers
    finally:
        stop.set()
        thread.join()


def test_another_embedder_takes_over_all_at_once_and_gives_back_without_a_failed_query(
    shop: Installation,
) -> None:
    expected = {file.name for file in shop.photos.iterdir()}
    repository = Repository.of(shop.settings)
    before = current_fingerprint(repository)
    with shop.running("deployer", "api") as client:
        with searching(client.base_url, expected) as shoppers:
            printed = shop.run("embedder", "use", str(FLOAT32))
            after = current_fingerprint(repository)
            assert after != before
            wait_for(lambda: shoppers.fingerprints[-1] == after)
            shop.run("embedder", "use", "--back")
            wait_for(lambda: shoppers.fingerprints[-1] == before)
        assert shoppers.faults == []
        # Each switch is one moment: before it the one answers, after it the other.
        turns = [
            one
            for n, one in enumerate(shoppers.fingerprints)
            if shoppers.fingerprints[n - 1 : n] != [one]
        ]
        assert turns == [before, after, before]
        assert "finds the photo first" in printed
        assert first_listing(search(client, hard_picture(3))) is not None
    assert load_settings(shop.folder / "photosearch.toml").embedder_network == "efficientnet_lite0"


def test_a_killed_preparation_goes_on_and_until_then_nothing_is_switched(
    shop: Installation,
) -> None:
    repository = Repository.of(shop.settings)
    before = current_fingerprint(repository)
    work = shop.start("embedder", "use", str(FLOAT32))
    wait_for(lambda: read_noted(repository, Role.NEXT) is not None)
    work.kill()
    work.wait()
    assert current_fingerprint(repository) == before

    shop.run("materialize", "--window", closed_hour().key)  # it works for the current embedder
    assert current_fingerprint(repository) == before
    shop.run("embedder", "use", str(FLOAT32), "--prepare-only")
    assert current_fingerprint(repository) == before
    noted = read_noted(repository, Role.NEXT)
    shop.run("embedder", "use", str(FLOAT32))

    assert noted is not None
    assert current_fingerprint(repository) == noted.fingerprint
    assert read_noted(repository, Role.NEXT) is None
    with shop.running("deployer", "api") as client:
        assert answers(client)


def test_what_can_not_be_prepared_is_refused_and_what_is_can_be_dropped(
    shop: Installation,
) -> None:
    repository = Repository.of(shop.settings)
    printed = shop.fail("embedder", "use", "efficientnet_lite0")

    assert "this embedder is the current one already" in printed
    assert read_noted(repository, Role.NEXT) is None
    assert "no embedder was current before" in shop.fail("embedder", "use", "--back")
    assert "nothing.onnx: found no such file" in shop.fail("embedder", "use", "nothing.onnx")

    note(repository, Role.NEXT, "f" * 64)

    assert "is dropped" in shop.run("embedder", "drop")

    assert read_noted(repository, Role.NEXT) is None
    assert "No embedder" in shop.run("embedder", "drop")
