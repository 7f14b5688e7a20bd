"""Where the time went: a stopwatch for the demo's own stages, and the manifests' for the rest.

What Dagster's run did is not timed by us but read from the model repository: when each kind of
artifact was made first and last. So the table also tells the truth of a demo that was killed
and went on.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.table import Table

from photosearch.repository.addresses import Address, Kind
from photosearch.repository.readiness import current_fingerprint
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings


class Stopwatch:
    """Named stretches of wall time, in the order in which they began."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        before = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - before

    def table(self) -> Table:
        """The stages with their shares."""
        table = Table(title="Where the time went", title_justify="left")
        table.add_column("stage")
        table.add_column("seconds", justify="right")
        table.add_column("share", justify="right")
        total = sum(self.seconds.values()) or 1.0
        for name, seconds in self.seconds.items():
            table.add_row(name, f"{seconds:.1f}", f"{seconds / total:.0%}")
        table.add_row("all", f"{total:.1f}", "", style="bold")
        return table


def artifacts_table(settings: Settings) -> Table:
    """What the model repository holds: how many of each kind, photos, from when to when."""
    repository = Repository.of(settings)
    fingerprint = current_fingerprint(repository)
    found: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)
    if fingerprint is not None:
        for address in (Address.embedders(), Address.quantisers(fingerprint)):
            manifest = repository.current(address)
            if manifest is not None:
                found[address.kind.value].append((manifest.created_at, manifest.rows))
        for kind, of in ((Kind.EMBEDDINGS, Address.embeddings), (Kind.INDEX, Address.index)):
            for window, version in repository.heads(fingerprint, kind).items():
                manifest = repository.manifest(of(fingerprint, window), version)
                name = kind.value if kind is Kind.EMBEDDINGS else f"{window.granularity} index"
                found[name].append((manifest.created_at, manifest.rows))
    table = Table(title="What was made", title_justify="left")
    table.add_column("artifact")
    for name in ("versions", "photos", "made from", "to", "seconds"):
        table.add_column(name, justify="right")
    for name, made in found.items():
        first, last = min(moment for moment, _ in made), max(moment for moment, _ in made)
        table.add_row(
            name,
            str(len(made)),
            str(sum(rows for _, rows in made)),
            f"{first:%H:%M:%S}",
            f"{last:%H:%M:%S}",
            f"{(last - first).total_seconds():.1f}" if len(made) > 1 else "",
        )
    return table
