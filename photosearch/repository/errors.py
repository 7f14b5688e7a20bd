"""What can go wrong with an artifact, each with its remedy.

The kinds are apart because callers act differently: what is missing is made, what is damaged
is made again, a head that moved is read again, and a full disk is a person's business.
"""

from photosearch.errors import PhotosearchError

MAKE_AGAIN = "run 'photosearch verify --discard', then 'photosearch materialize'"


class RepositoryError(PhotosearchError):
    """The base of the model repository's errors."""


class ArtifactMissing(RepositoryError):
    """An address, or a version of it, without a manifest: it does not exist."""


class DamagedArtifact(RepositoryError):
    """A file that is not what its manifest says, or a manifest that cannot be read."""


class NewerFormat(RepositoryError):
    """A manifest of a format that this version of the code does not know."""


class HeadMoved(RepositoryError):
    """The current version is no longer the one that the caller had seen."""


class HeadPinned(RepositoryError):
    """A person pinned another version of this address; only a person may release it."""


class StorageError(RepositoryError):
    """The place where artifacts lie refused: full, read-only, gone."""
