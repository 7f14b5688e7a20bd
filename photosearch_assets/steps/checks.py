"""What must hold for a window before anyone relies on it.

Plain functions over what the steps know, so that the same check runs in process, in a
subprocess and in a test, and Dagster only shows the outcome.
"""

import numpy as np
from numpy.typing import NDArray

from photosearch_assets.steps.result import CheckOutcome

COVERAGE = "covers_inputs"
FAILURE_RATE = "photo_failure_rate"
VECTOR_HEALTH = "vector_health"
RECALL = "recall_at_target"

#: A window whose recall is below the target is never served; the others tell, and warn.
BLOCKING = frozenset({RECALL})

_LENGTH_TOLERANCE = 1e-3
_SAME_BELOW = 1e-6


def coverage(given: int, accounted: int) -> CheckOutcome:
    """Whether everything a window was made from is in it or has a reason why not."""
    return CheckOutcome(
        name=COVERAGE,
        passed=given == accounted,
        found=f"{accounted} of {given} accounted for",
        limit=str(given),
    )


def failure_rate(photos: int, failures: int, limit: float) -> CheckOutcome:
    """Whether few enough of a window's photos are unusable (``max_failure_rate``)."""
    rate = failures / photos if photos else 0.0
    return CheckOutcome(
        name=FAILURE_RATE,
        passed=rate <= limit,
        found=f"{failures} of {photos} photos unusable ({rate:.1%})",
        limit=f"{limit:.1%}",
        measured=rate,
    )


def vector_health(vectors: NDArray[np.float32]) -> CheckOutcome:
    """Whether ``vectors`` (float32 [rows, dim]) are finite, of unit length and not all one.

    A network that was exported wrongly gives every photo nearly one vector, and searches
    then find anything: nothing else would notice.
    """
    problem = _vector_problem(vectors)
    return CheckOutcome(
        name=VECTOR_HEALTH,
        passed=problem is None,
        found=problem or f"{len(vectors)} sound vectors",
        limit="finite, of unit length, not all the same",
    )


def recall_at_target(recall: float | None, target: float) -> CheckOutcome:
    """Whether a search finds enough of the true neighbours; None is a window without rows."""
    return CheckOutcome(
        name=RECALL,
        passed=recall is None or recall >= target,
        found="no rows" if recall is None else f"recall@10 {recall:.4f}",
        limit=f"{target:.4f}",
        measured=recall,
    )


def _vector_problem(vectors: NDArray[np.float32]) -> str | None:
    if not len(vectors):
        return None
    if not np.isfinite(vectors).all():
        return f"{np.count_nonzero(~np.isfinite(vectors).all(axis=1))} rows with NaN or infinity"
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    worst = float(np.abs(lengths - 1).max())
    if worst > _LENGTH_TOLERANCE:
        return f"a vector of length {lengths[int(np.abs(lengths - 1).argmax())]:.4f}"
    # A few photos may well be one picture; dozens that are all the same are no accident.
    if len(vectors) >= 20 and float(np.ptp(vectors, axis=0).max()) < _SAME_BELOW:
        return f"all {len(vectors)} vectors are the same"
    return None
