"""The settings that decide the embedder, as a switch of the embedder leaves them.

The file alone must ask for the embedder that a switch makes current: if it asked for another,
the next look would make that one and move HEAD again. So what the new embedder was made with is
written, what only the old one needed goes, and a variable of the environment, which wins over
the file, is a reason to refuse.
"""

import os
from collections.abc import Mapping
from typing import Any

import tomlkit

from photosearch.repository.manifest import Manifest
from photosearch.settings.file import update_settings_file
from photosearch.settings.settings import Settings
from photosearch_assets.errors import AssetsError

_SETTING_OF = {
    "network": "embedder_network",
    "weights": "embedder_weights",
    "precision": "embedder_precision",
    "projection_dimensions": "projection_dimensions",
    "mean": "embedder_mean",
    "std": "embedder_std",
}


def settings_of(manifest: Manifest) -> dict[str, Any]:
    """The settings that an embedder was made with; None: not set."""
    return {setting: manifest.recipe.get(name) for name, setting in _SETTING_OF.items()}


def require_not_overridden(settings: Settings, values: Mapping[str, Any]) -> None:
    """See that the environment says nothing else than ``values``, which are to be written.

    Raises:
        AssetsError: naming the variable that does.
    """
    prefix = str(settings.model_config["env_prefix"]).lower()
    for variable, said in os.environ.items():
        setting = variable.lower().removeprefix(prefix)
        if not variable.lower().startswith(prefix) or setting not in values:
            continue
        if _plain(getattr(settings, setting)) != values[setting]:
            raise AssetsError(
                "the environment asks for another embedder, and wins over the settings file",
                found=f"{variable}={said}",
                limit=f"{setting} = {values[setting]}",
                remedy="unset it, for 'photosearch up' too, then run this again",
            )


def write_embedder_settings(settings: Settings, manifest: Manifest) -> None:
    """Make the settings file ask for this embedder.

    Raises:
        SettingsError: if the file can't be written.
    """
    file = settings.file
    held = tomlkit.parse(file.read_text("utf-8-sig")).unwrap() if file.exists() else {}
    values, surplus = {}, []
    for setting, value in settings_of(manifest).items():
        default = _plain(type(settings).model_fields[setting].default)
        if value is None and setting in held:
            surplus.append(setting)
        elif value is not None and value != held.get(setting, default):
            values[setting] = value
    if values or surplus:
        update_settings_file(file, values, without=surplus)


def _plain(value: object) -> object:
    """A setting as a recipe has it."""
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, str | int | float | None) else str(value)
