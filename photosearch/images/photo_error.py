"""What can be wrong with a photo or with the place where photos lie.

The first is kept beside the photo while its window completes; the second ends the step,
because every photo would fail for the same reason.
"""

from photosearch.errors import PhotosearchError


class PhotoError(PhotosearchError):
    """One photo that can't be fetched or decoded."""


class PhotoUnreachable(PhotoError):
    """A photo that could not be had this time: a time-out, an answer 5xx, an I/O error."""


class TooMuchWork(ValueError):
    """Bytes that say that they are more work than any photo; the text is the limit."""


class ImageStoreError(PhotosearchError):
    """An image store or an image cache that can't be used at all."""
