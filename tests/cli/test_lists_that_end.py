"""No list is cut without a word of what is not in it."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from photosearch.terminal.wording import commonest, counted, first_of

COUNTS = st.dictionaries(st.text(max_size=3), st.integers(1, 9), max_size=30)


@given(COUNTS, st.integers(1, 12))
def test_what_is_shown_and_what_is_told_of_the_rest_are_all(
    counts: dict[str, int], shown: int
) -> None:
    found, rest = commonest(Counter(counts), shown)

    left = {name: count for name, count in counts.items() if name not in dict(found)}
    if rest is None:
        assert left == {}
    else:
        assert rest == f"and {len(left)} more, {sum(left.values())} in all"
        assert min(count for _, count in found) >= max(left.values())


@given(st.lists(st.integers(), max_size=30), st.integers(1, 12))
def test_the_first_and_the_number_of_the_rest_are_all(every: list[int], shown: int) -> None:
    text = first_of(every, shown)

    named, _, rest = text.partition(" and ")
    names = named.split(", ") if named else []
    assert len(names) + int(rest.removesuffix(" more") or 0) == len(every)
    assert names == [str(one) for one in every[: len(names)]]


def test_a_number_is_followed_by_one_or_by_many() -> None:
    assert [counted(count, "photo") for count in (0, 1, 2, 2162)] == [
        "0 photos",
        "1 photo",
        "2 photos",
        "2,162 photos",
    ]
