"""What can go wrong between embeddings and an answer, one class for each remedy.

ScaNN answers bad input with a segmentation fault, so everything here is raised before it
sees a byte: a damaged file is built anew, a bad query goes back to the caller, a quantiser
that does not fit is replaced.
"""

from photosearch.errors import PhotosearchError


class IndexGrpcError(PhotosearchError):
    """Base of this package's errors."""


class DamagedIndex(IndexGrpcError):
    """Files of an index or of embeddings that contradict themselves; build them anew."""


class DamagedQuantiser(IndexGrpcError):
    """A quantiser's folder that is incomplete, altered, or does not fit the rows."""


class UnfitTraining(IndexGrpcError, ValueError):
    """Vectors or sizes from which no quantiser can be trained."""


class IndexMismatch(IndexGrpcError, ValueError):
    """Sound indexes that can't be put together: other dimensions, with and without codes."""


class InvalidQuery(IndexGrpcError, ValueError):
    """A query vector or a ``k`` that can't be searched for."""


class WindowNotHeld(IndexGrpcError, LookupError):
    """A window asked of a pack that does not hold it."""


class WorkerDied(IndexGrpcError):
    """The process that runs ScaNN ended without an answer; the input is named."""
