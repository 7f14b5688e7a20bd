"""All 8,760 hours of a year through Dagster, once: half an hour, so only when it is asked for."""

from bench.backfill import A_YEAR, SMALL, compare
from bench.rows import BenchRow


def measure() -> list[BenchRow]:
    """The small shop's year; on its way it gets photos enough for a quantiser."""
    return compare(SMALL, A_YEAR, rounds=1, aim="≤ 1.3")
