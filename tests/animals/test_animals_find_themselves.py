"""Real photographs: animals found by phone-like pictures of them, through REST.

Below a thousand photos there is neither projection nor quantiser: this measures the network,
its preprocessing and the exact search. The figures are printed.
"""

import io
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photosearch_demo.queries import PHONE, as_jpeg, render_query
from tests.animals.photographs import FOLDER, photographs, species_of
from tests.journeys.installation import Installation, closed_hour, search

pytestmark = [
    pytest.mark.slow,
    pytest.mark.animals,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not FOLDER.exists(), reason="apt-get install tuxpaint-stamps-default"),
]
_HOURS = 4


@dataclass(frozen=True)
class Found:
    """A photograph, and every listing in the order in which the API answered."""

    photo: str
    order: list[str]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """Each photograph asked for by a hard picture of it."""
    home = Installation(tmp_path_factory.mktemp("animals"))
    home.configure()
    photos, first = photographs(), closed_hour(_HOURS + 1)
    for number, photo in enumerate(photos):
        at = first.start + timedelta(hours=number % _HOURS, seconds=number)
        home.put(str(photo), (FOLDER / photo).read_bytes(), at)
    home.run("init", "--photos", "photos")
    hours = [f"hourly/{first.start + timedelta(hours=h):%Y-%m-%dT%H}" for h in range(_HOURS)]
    home.run("materialize", *(part for hour in hours for part in ("--window", hour)))
    with home.running("deployer", "api") as client:
        answers: list[dict[str, Any]] = [
            search(client, hard_picture_of(FOLDER / photo, number), k=len(photos))
            for number, photo in enumerate(photos)
        ]
    return [
        Found(str(photo), [result["listing_id"] for result in answer["results"]])
        for photo, answer in zip(photos, answers, strict=True)
    ]


def test_every_photograph_is_in_some_answer(found: list[Found]) -> None:
    assert len(found) >= 120
    assert all(len(one.order) == len(found) for one in found)


def test_a_phone_like_picture_finds_its_animal(
    found: list[Found], capsys: pytest.CaptureFixture[str]
) -> None:
    recall = np.mean([one.order[0] == one.photo for one in found])

    with capsys.disabled():
        say(f"recall@1 through REST {recall:.3f} over {len(found)} photographs")
    assert recall >= 0.95


def test_neighbours_of_the_same_species_come_before_others(
    found: list[Found], capsys: pytest.CaptureFixture[str]
) -> None:
    next_is_same, by_chance, before = [], [], []
    for one in found:
        others = [listing for listing in one.order if listing != one.photo]
        same = np.array([species_of(other) == species_of(one.photo) for other in others])
        if not same.any():
            continue
        next_is_same.append(bool(same[0]))
        by_chance.append(float(same.mean()))
        ranks = np.flatnonzero(same)
        strangers = (~same).sum()
        # Share of (relative, stranger) pairs in which the relative comes first: chance is 0.5.
        behind = [strangers - (rank - index) for index, rank in enumerate(ranks)]
        before.append(float(np.mean(behind) / strangers))

    with capsys.disabled():
        say(
            f"next neighbour of the same species {np.mean(next_is_same):.3f} (chance "
            f"{np.mean(by_chance):.3f}), relatives before strangers {np.mean(before):.3f} "
            f"(chance 0.5), over {len(before)} photographs that have relatives"
        )
    assert np.mean(next_is_same) >= 10 * np.mean(by_chance)
    assert np.mean(before) >= 0.8


def say(figures: str) -> None:
    sys.stdout.write(f"\nanimals: {figures}\n")


def hard_picture_of(file: Path, seed: int) -> bytes:
    with Image.open(io.BytesIO(file.read_bytes())) as photo:
        return as_jpeg(render_query(photo.convert("RGBA"), np.random.default_rng([5, seed]), PHONE))
