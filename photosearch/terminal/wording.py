"""How many there are, in words that a person reads."""

from collections import Counter
from collections.abc import Collection, Iterable


def counted(count: int, noun: str) -> str:
    """``1 photo``, ``2 photos``: of nouns that take an s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def commonest(
    counts: Counter[str], shown: int, first: Collection[str] = ()
) -> tuple[list[tuple[str, int]], str | None]:
    """The ``shown`` most common with their counts, those that come ``first`` before others, and
    in words how many are not among them.

    A list that ends without a word is taken for the whole of it. One alone is never left to
    the words: they take its place.
    """
    every = sorted(counts.most_common(), key=lambda one: one[0] not in first)
    if len(every) <= shown + 1:
        return every, None
    rest = every[shown:]
    return every[:shown], f"and {len(rest):,} more, {sum(count for _, count in rest):,} in all"


def first_of(every: Iterable[object], shown: int, separator: str = ", ") -> str:
    """The first ``shown`` in a row, and how many more there are; "" for none."""
    texts = [str(one) for one in every]
    if len(texts) <= shown + 1:
        return separator.join(texts)
    return f"{separator.join(texts[:shown])} and {len(texts) - shown:,} more"
