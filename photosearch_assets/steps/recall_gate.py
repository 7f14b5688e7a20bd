"""The gate before HEAD: an index that finds too little is never served.

Recall is measured against exact search over the index's own rows. An exact index is its own
truth. A miss is noted, because it is one of the two reasons to train a new quantiser.
"""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from index_grpc.index.quantiser import check_quantiser
from index_grpc.index.recall import measure_recall
from photosearch.repository import missed_recall
from photosearch.repository.manifest import Manifest
from photosearch_assets.steps.checks import recall_at_target
from photosearch_assets.steps.context import StepContext

_FORMER_NOTES = "missed_recall"


@dataclass(frozen=True)
class MeasuredRecall:
    """Recall@10 of an index, None without rows; ``details`` go into the manifest."""

    recall: float | None
    details: dict[str, JsonValue] = field(default_factory=dict)


class RecallGate:
    """Measures indexes under one quantiser and says which may be served."""

    def __init__(self, quantiser_folder: Path | None, context: StepContext) -> None:
        self.context = context
        self.quantiser = None if quantiser_folder is None else check_quantiser(quantiser_folder)

    def measure(self, index_folder: Path, rows: int) -> MeasuredRecall:
        """Recall of the index in ``index_folder``, and the least wide search that has it."""
        if rows == 0:
            return MeasuredRecall(None)
        found = measure_recall(index_folder, self.quantiser, self.context.settings.recall_target)
        if self.quantiser is None:
            return MeasuredRecall(found.recall)
        details: dict[str, JsonValue] = {
            "leaves_to_search": found.leaves_to_search,
            "reorder": found.reorder,
        }
        return MeasuredRecall(found.recall, details)

    def allows(self, manifest: Manifest) -> bool:
        """Whether ``manifest``'s index may become the current one; a miss is noted."""
        passed = recall_at_target(manifest.recall, self.context.settings.recall_target).passed
        if not passed and manifest.quantiser is not None:
            missed_recall.note_missed_recall(
                self.context.repository.storage,
                manifest.quantiser,
                f"{manifest.window} {manifest.version} {manifest.recall}",
            )
        return passed


def has_missed_recall(context: StepContext, quantiser: str) -> bool:
    """Whether an index under this quantiser was held back."""
    storage = context.repository.storage
    if missed_recall.has_missed_recall(storage, quantiser):
        return True
    # A former release noted it on its own machine alone: from now on all know.
    former = context.settings.state / _FORMER_NOTES / f"{quantiser}.txt"
    try:
        missed_recall.note_missed_recall(storage, quantiser, former.read_text().strip())
    except FileNotFoundError:
        return False
    former.unlink(missing_ok=True)
    return True
