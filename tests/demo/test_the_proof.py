"""The proof counts what it should, and fails when it should."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from photosearch.rest.search import Result
from photosearch_demo.folder import DemoError
from photosearch_demo.proof import Answer, Proof, wait_complete
from photosearch_demo.shop import plan_shop

SHOP = plan_shop(100, datetime(2026, 11, 23, 17, tzinfo=UTC))


def result(listing_id: str) -> Result:
    return Result(
        listing_id=listing_id,
        photo_id=listing_id,
        score=0.9,
        title=None,
        category=None,
        price=None,
        listed_at=datetime(2026, 11, 23, tzinfo=UTC),
        window="daily/2026-11-23",
        photo_url="",
    )


def answers(right: int, wrong: int) -> list[Answer]:
    good = [result(SHOP[0].listing_id)]
    bad = [result(SHOP[1].listing_id), *good]
    return [Answer(SHOP[0], b"", good, True, 0.01)] * right + [
        Answer(SHOP[0], b"", bad, True, 0.02)
    ] * wrong


def test_recall_is_the_share_of_right_first_listings() -> None:
    assert Proof(answers(19, 1)).recall == 0.95
    assert Proof(answers(19, 1)).holds
    assert not Proof(answers(18, 2)).holds


def test_no_listing_at_all_is_a_wrong_answer() -> None:
    assert not replace(answers(1, 0)[0], results=[]).is_right


def test_one_answer_from_less_than_all_time_fails_the_proof() -> None:
    proof = Proof([*answers(30, 0), replace(answers(1, 0)[0], is_complete=False)])

    assert proof.recall == 1
    assert not proof.holds


def test_an_api_that_does_not_come_is_an_error(unused_port: int) -> None:
    with pytest.raises(DemoError, match="not every window is served"):
        wait_complete(f"http://127.0.0.1:{unused_port}", 0.5, lambda state: None)
