"""That an index missed its recall under a quantiser, which asks for another one.

One small object for each quantiser that failed, where every machine sees it: the step that
measures is rarely the process that trains. That it is there is all that counts; what it says,
the first index that was held back, is for whoever wants to know why.
"""

from contextlib import suppress

from photosearch.repository.addresses import require_name
from photosearch.repository.storage.port import Storage, TagMoved


def note_missed_recall(storage: Storage, quantiser: str, why: str) -> None:
    """Remember that an index under this quantiser was held back; the first note stays."""
    with suppress(TagMoved):
        storage.replace(missed_recall_path(quantiser), f"{why}\n".encode(), None)


def has_missed_recall(storage: Storage, quantiser: str) -> bool:
    """Whether an index under this quantiser was held back."""
    return storage.exists(missed_recall_path(quantiser))


def missed_recall_path(quantiser: str) -> str:
    """Where it is noted; ``quantiser`` is its version."""
    # Beside the versions and not among them: gc and verify look at those.
    return f"asked/quantiser-after/{require_name('a quantiser', quantiser)}"
