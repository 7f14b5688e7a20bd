"""An API of another release is understood, whether it came later or was there before.

The answers are a real API's, changed as another release would have written them.
"""

import io
import json
from typing import Any

import pytest

from photosearch.client.client import Client
from photosearch.client.tables import print_results, print_timeline
from photosearch.rest.search import SearchAnswer
from photosearch.rest.timeline import Timeline
from photosearch.terminal.terminal import Terminal
from tests.client.conftest import Stranger


@pytest.fixture
def searched(client: Client) -> dict[str, Any]:
    return client.search_listing("lamps/item 13").json


@pytest.fixture
def timeline(client: Client) -> dict[str, Any]:
    return client.windows().json


def later(sent: Any) -> Any:
    """``sent`` with a member more in every object that is a model's."""
    if isinstance(sent, list):
        return [later(one) for one in sent]
    if not isinstance(sent, dict) or "total" in sent:  # the times, which have any names
        return sent
    return {"came_later": {"a": [1]}, **{name: later(one) for name, one in sent.items()}}


def earlier(sent: Any, lacking: set[str]) -> Any:
    """``sent`` without the members that are ``lacking``."""
    if isinstance(sent, list):
        return [earlier(one, lacking) for one in sent]
    if not isinstance(sent, dict):
        return sent
    return {name: earlier(one, lacking) for name, one in sent.items() if name not in lacking}


def shown(answer: SearchAnswer | Timeline) -> str:
    terminal = Terminal(width=140)
    terminal.file = out = io.StringIO()
    if isinstance(answer, Timeline):
        print_timeline(answer, terminal)
    else:
        print_results(answer, terminal)
    return out.getvalue()


def test_members_that_came_later_are_passed_over(
    searched: dict[str, Any], timeline: dict[str, Any]
) -> None:
    assert SearchAnswer.model_validate(later(searched)) == SearchAnswer.model_validate(searched)
    assert Timeline.model_validate(later(timeline)) == Timeline.model_validate(timeline)


def test_members_that_an_earlier_api_lacks_have_their_defaults(
    searched: dict[str, Any], timeline: dict[str, Any]
) -> None:
    old = SearchAnswer.model_validate(earlier(searched, {"hidden", "ahead_s", "stale"}))
    before = Timeline.model_validate(earlier(timeline, {"troubles"}))

    assert (old.coverage.hidden, old.coverage.staleness.ahead_s) == ([], 0)
    assert not any(window.stale for window in old.coverage.windows)
    assert before.troubles == []
    assert shown(old) == shown(SearchAnswer.model_validate(searched))
    assert shown(before) == shown(Timeline.model_validate(timeline))


def test_a_rule_that_came_later_hides_listings_and_its_words_are_shown(
    searched: dict[str, Any],
) -> None:
    hidden = {"reason": "quarantined", "listings": 3, "why": "its seller is looked into"}
    searched["coverage"]["hidden"] = [hidden]

    answer = SearchAnswer.model_validate(searched)

    assert "hidden: 3 listings: its seller is looked into" in shown(answer)


def test_windows_of_a_kind_and_in_a_state_that_came_later_are_shown(
    timeline: dict[str, Any],
) -> None:
    weeks, run = timeline["timeline"][0], timeline["timeline"][0]["runs"][0]
    weeks["granularity"], run["state"] = "weekly", "thawing"
    timeline["cover"][0]["granularity"] = "weekly"

    words = shown(Timeline.model_validate(timeline))

    assert "weekly:" in words
    assert timeline["cover"][0]["window"] in words


def test_what_is_no_text_is_no_word_that_came_later(searched: dict[str, Any]) -> None:
    searched["coverage"]["hidden"] = [{"reason": 7, "listings": 3, "why": "it is"}]

    with pytest.raises(ValueError, match="reason"):
        SearchAnswer.model_validate(searched)


def test_the_answer_as_it_came_keeps_what_came_later(
    stranger: Stranger, timeline: dict[str, Any]
) -> None:
    sent = later(timeline)

    with Client(stranger(json.dumps(sent).encode())) as client:
        received = client.windows()

    assert received.json == sent
    assert received.answer == Timeline.model_validate(timeline)
