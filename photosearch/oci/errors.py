"""What can go wrong with images, each with its remedy.

The kinds are apart because callers act differently: a missing image is built, a damaged blob
is made again or refused, and a registry that is down or read-only is tried again later.
"""

from photosearch.errors import PhotosearchError


class ImageError(PhotosearchError):
    """The base of the errors of images and registries."""


class ImageMissing(ImageError):
    """A registry has no such image, or lacks a part of it."""


class DamagedImage(ImageError):
    """Bytes that are not what their digest says, or a document that is no OCI document."""


class NoImage(DamagedImage):
    """A document that is no OCI document: nothing of ours is in it, whoever put it there."""


class RegistryRefused(ImageError):
    """The registry is down, read-only, full, or does not let this user in."""


class RegistryDown(RegistryRefused):
    """The registry does not answer, or not now: worth another try."""
