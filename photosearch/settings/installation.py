"""The installation that a command works on: there, or refused before anything is made.

In a wrong folder every setting has its default, and an empty repository has nothing that is
damaged. So a command that works on what was made asks here first. An installation is a
settings file, variables that say where its things lie (as in a container), or what an earlier
command made below ``state_dir``.
"""

from typing import Any

from photosearch.errors import PhotosearchError
from photosearch.files.state_folder import keep_to_owner
from photosearch.settings.settings import SETTINGS_FILE, SETTINGS_VARIABLE, Settings, load_settings
from photosearch.terminal.terminal import say

_PLACES = {"state_dir", "database_url", "photos_url", "models_url", "registry_url"}
_MADE = ("catalogue.db", "repository", "registry", "servings")


class NoInstallation(PhotosearchError):
    """A folder in which photosearch was never set up."""


def load_installation(*, makes: bool = False, **overrides: Any) -> Settings:
    """The settings of the installation; with ``makes`` its state folder is there afterwards.

    Raises:
        NoInstallation: if there is none.
    """
    settings = load_settings(**overrides)
    if not is_installed(settings):
        raise NoInstallation(
            f"there is no photosearch installation in {settings.base_dir}",
            found=f"no {SETTINGS_FILE}, nothing made in {settings.state}, "
            "and no variables that name its places",
            remedy="go to its folder, name its file with 'photosearch --settings FILE' or "
            f"{SETTINGS_VARIABLE}, or make one here with 'photosearch init'",
        )
    if (makes or settings.state.exists()) and keep_to_owner(settings.state):
        say(f"{settings.state} was open to other users; now it is its owner's alone", err=True)
    return settings


def is_installed(settings: Settings) -> bool:
    """Whether anything says that this is where photosearch works."""
    return (
        settings.file.is_file()
        or bool(settings.model_fields_set & _PLACES)
        or any((settings.state / name).exists() for name in _MADE)
    )
