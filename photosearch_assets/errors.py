"""The base of this package's errors."""

from photosearch.errors import PhotosearchError


class AssetsError(PhotosearchError):
    """Something in the asset platform that a user or an operator can act on."""


class StepError(AssetsError):
    """A step that could not do its work for some windows."""
