"""Which runs are at work, asked of whoever can tell.

Dagster's status of a run is not final and says nothing of its process: a run that was killed
stays "started", holds a place in the queue and keeps others from its partitions for ever. And
an erasure must know which runs may still publish what they read before. So a run's process
shows itself where it works, and the reconciler and erasures ask here.
"""

from typing import Protocol

from photosearch.settings.settings import Settings


class RunsAtWork(Protocol):
    """The runs of an installation whose processes are known."""

    def hold(self, run_id: str) -> None:
        """Show that this process works on ``run_id``; until it ends, or works on another run."""

    def has_begun(self, run_id: str) -> bool:
        """Whether a process has shown that it works on ``run_id``, or shows it now."""

    def is_dead(self, run_id: str) -> bool:
        """Whether a process worked on ``run_id`` and is gone; False when none ever said so."""

    def living(self) -> set[str]:
        """The runs that another process works on now."""

    def forget(self, run_id: str) -> None:
        """Keep nothing of a run that has ended."""


def open_runs_at_work(settings: Settings) -> RunsAtWork:
    """Those of this installation: all its runs work on one machine, and hold locks."""
    from photosearch_assets.instance.run_locks import RunLocks

    return RunLocks(settings.state / "runs")
