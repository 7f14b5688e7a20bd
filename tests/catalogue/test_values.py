"""What a shop's value becomes, one at a time."""

import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photosearch.catalogue.values import (
    bytes_of_id,
    read_id,
    read_json_text,
    read_position,
    read_price,
    read_text,
    read_version,
)

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**300, 10**310),
    st.floats(),
    st.decimals(),
    st.text(st.characters(codec=None)),
    st.binary(),
    st.binary().map(lambda content: memoryview(content)),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
    st.lists(st.one_of(st.text(st.characters(codec=None)), st.none(), st.floats())),
    st.dictionaries(st.text(), st.integers()),
    st.from_regex(r"\A[-$€ ]{0,2}[0-9.,' ]{1,12}[ €A-Z.,-]{0,4}\Z"),
    st.sampled_from(["[" * 100_000, "9" * 10_000, "1" * 5_000 + ".0", "sNaN", "1e999"]),
    st.just(Decimal("sNaN")),
)


@given(anything)
def test_no_value_fails_and_what_becomes_of_it_can_be_answered(value: object) -> None:
    texts = [read(value) for read in (read_id, read_text, read_json_text, read_version)]
    price, place = read_price(value), read_position(value)

    for text in texts:
        assert text is None or (json.dumps(text) and text.encode() is not None)
    assert texts[0] is None or (texts[0] and "\0" not in texts[0])
    assert price is None or math.isfinite(price)
    assert sorted([place, 0.0])


@pytest.mark.parametrize(
    ("value", "price"),
    [
        *[("", None), (" ", None), ("free", None), ("on request", None), ("$", None)],
        *[("NaN", None), ("inf", None), ("-Infinity", None), ("1e999", None), ("9" * 400, None)],
        *[("12-15", None), ("12%", None), ("12 EUR/kg", None), ("1..2", None), ("1,2,3", None)],
        *[("2026-11-29", None), ("12:30", None), ("1_000", None), ("{12,13}", None)],
        *[("12.5", 12.5), (" 12.50 ", 12.5), (".5", 0.5), ("12.", 12.0), ("-5", -5.0), ("0", 0.0)],
        *[("1e3", 1000.0), ("1.299", 1.299), ("1,299", 1299.0), ("1,299.00", 1299.0)],
        *[("1.299,00", 1299.0), ("1.299.000", 1299000.0), ("1,299,000.5", 1299000.5)],
        *[("1 299,00", 1299.0), ("1\u202f299,00 €", 1299.0), ("1'299.50", 1299.5)],
        *[("1,00,000", 100000.0), ("12,50", 12.5), ("12,5", 12.5), ("12,-", 12.0)],
        *[("$12.50", 12.5), ("-$5", -5.0), ("12,50 €", 12.5), ("EUR 12", 12.0), ("12 kr.", 12.0)],
        *[("R$ 1.299,00", 1299.0), ("US$12", 12.0), ("Rs.500", 500.0), ("¥1,299", 1299.0)],
        *[(b"12.50", 12.5), (b"\xff", None), (memoryview(b"7"), 7.0), (Decimal("12.50"), 12.5)],
        *[(Decimal("NaN"), None), (Decimal("Infinity"), None), (Decimal("1e400"), None)],
        *[(10**400, None), (float("nan"), None), (float("-inf"), None), (True, None)],
        *[(None, None), ([12], None), ({"amount": 12}, None), (date(2026, 1, 1), None)],
        *[(timedelta(1), None), (7, 7.0)],
    ],
)
def test_a_price_is_a_finite_number_or_none(value: object, price: float | None) -> None:
    assert read_price(value) == price


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([str, repr, Decimal]))
def test_a_number_stays_what_it_is_however_it_is_kept(
    number: float, kept: Callable[[float], object]
) -> None:
    assert read_price(kept(number)) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(None, None), ("", ""), ("Lamp", "Lamp"), (7, "7"), (7.5, "7.5"), (True, "true")],
        *[(False, "false"), (b"Lamp", "Lamp"), (memoryview("Lämp".encode()), "Lämp")],
        *[(b"\xff\xfe", None), ("a\0b", "a\ufffdb"), ("a\udcffb", "a\ufffdb")],
        *[(["red", None, "blue"], "red, blue"), (date(2026, 11, 22), "2026-11-22")],
        *[(datetime(2026, 11, 22, 14, tzinfo=UTC), "2026-11-22T14:00:00+00:00")],
        *[(Decimal("12.50"), "12.50")],
    ],
)
def test_a_text_can_be_shown_anywhere(value: object, text: str | None) -> None:
    assert read_text(value) == text


@pytest.mark.parametrize(
    ("document", "text"),
    [
        *[('"Lamp"', "Lamp"), ('{"en": "Lamp"}', '{"en": "Lamp"}'), ("null", None), (None, None)],
        *[("12.5", "12.5"), ("no JSON", "no JSON"), ('"\\ud800"', "\ufffd"), ("[1]", "[1]")],
    ],
)
def test_a_json_text_is_what_it_says(document: str | None, text: str | None) -> None:
    assert read_json_text(document) == text


@pytest.mark.parametrize(
    ("value", "key"),
    [
        *[(7, "7"), ("7", "7"), (7.0, "7.0"), (Decimal("7"), "7"), (b"la", "\\x6c61")],
        *[(memoryview(b""), "\\x"), ("Ä", "Ä"), (" a ", " a ")],
        *[(None, None), ("", None), ("a\0", None), ("\udcff", None), ("Ä\0", None)],
    ],
)
def test_an_id_is_a_text_that_can_be_named(value: object, key: str | None) -> None:
    assert read_id(value) == key


@given(st.binary())
def test_the_bytes_of_an_id_are_those_that_were_read(content: bytes) -> None:
    key = read_id(content)

    assert key is not None
    assert bytes_of_id(key) == content


@pytest.mark.parametrize(
    ("value", "place"),
    [(None, 0), ("first", 0), (3, 3), ("3", 3), (2.5, 2.5), (b"x", 0), (float("nan"), 0), ([], 0)],
)
def test_a_place_is_a_number(value: object, place: float) -> None:
    assert read_position(value) == place


def test_a_version_of_bytes_is_the_same_each_time() -> None:
    assert read_version(memoryview(b"\x01\xff")) == read_version(b"\x01\xff") == "01ff"
