"""Where the API is, by the settings alone: for whoever asks it and did not start it."""

from photosearch.address import base_url
from photosearch.settings.settings import Settings


def api_url(settings: Settings) -> str | None:
    """The URL, without a slash at its end, at which this machine reaches the API.

    None where the settings leave the port open: only the process itself knows it then.
    """
    return base_url(settings.api_host, settings.api_port) if settings.api_port else None
