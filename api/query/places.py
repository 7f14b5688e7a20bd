"""How many queries are under way at once: one more would only make all of them late."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from api.problems.problems import overloaded


@dataclass
class QueryPlaces:
    """The places there are, and how many of them are taken; for one event loop."""

    limit: int
    taken: int = 0

    def require_one(self) -> None:
        """Refuse a query for which there is no place now.

        Raises:
            ApiProblem: 429.
        """
        if self.taken >= self.limit:
            raise overloaded(
                "too many queries are under way",
                str(self.taken),
                f"{self.limit} (max_concurrent_queries)",
            )

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a place for as long as the block runs.

        Raises:
            ApiProblem: 429 if there is none.
        """
        self.require_one()
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
