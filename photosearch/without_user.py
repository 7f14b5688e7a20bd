"""URLs of stores name no user.

A bucket's key comes from the environment, a profile or the machine, and is written nowhere. The
URL of a store is written down: Dagster keeps it in dagster.yaml and shows it, and every error
names it. A user in it would sign nothing anyway.
"""

from urllib.parse import urlsplit

from photosearch.errors import PhotosearchError
from photosearch.terminal.masked import masked


class UserInUrl(PhotosearchError):
    """A URL that holds what opens a door."""


def require_no_user(setting: str, url: str | None) -> None:
    """Look at the URL of ``setting``.

    Raises:
        UserInUrl: if it names a user or a password.
    """
    if url is not None and "@" in urlsplit(url).netloc:
        raise UserInUrl(
            f"{setting} names a user or a password",
            found=masked(url),
            remedy="leave it out; keys of a bucket come from the environment "
            "(AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS) or a profile",
        )
