"""One line of the benchmark's table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BenchRow:
    """A measured value beside what was aimed at; ``note`` says how it was measured."""

    name: str
    value: float
    unit: str
    target: str | None
    note: str
