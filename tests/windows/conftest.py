"""No deadline for one example: on a busy machine it would fail what is right."""

from hypothesis import settings

settings.register_profile("photosearch", deadline=None)
settings.load_profile("photosearch")
