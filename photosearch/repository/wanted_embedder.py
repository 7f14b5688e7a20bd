"""Which embedder an installation wants: an object beside HEAD that all machines see.

The settings decide the first one. From then on this object does: it names the embedder, and
what it was made with, so that one that is lost is made again as it was. Settings are each
machine's own, and two that differ would take HEAD from one another at every look. So where they
say something else later, that is told and not done; ``photosearch embedder use`` wants another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from photosearch.repository.addresses import Address, require_name
from photosearch.repository.errors import DamagedArtifact, HeadMoved, RepositoryError
from photosearch.repository.repository import Repository
from photosearch.repository.seal import Seal, seal_of, sealed_text
from photosearch.repository.storage.port import Storage, TagMoved
from photosearch.settings.settings import Settings

WANTED = "asked/embedder"

_SETTING_OF = {
    "network": "embedder_network",
    "weights": "embedder_weights",
    "precision": "embedder_precision",
    "projection_dimensions": "projection_dimensions",
    "mean": "embedder_mean",
    "std": "embedder_std",
}

Recipe = Mapping[str, JsonValue]
"""What an embedder is made with, as its manifest has it; what was not set is None or not there."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    version: str
    recipe: dict[str, JsonValue]


@dataclass(frozen=True)
class WantedEmbedder:
    """The embedder that is wanted: its fingerprint, and what it is made with."""

    version: str
    recipe: Recipe


def read_wanted(storage: Storage) -> tuple[WantedEmbedder | None, str | None]:
    """The embedder that is wanted, None when none was ever made, and the tag to replace it by.

    Raises:
        DamagedArtifact: if nobody can tell which it is.
    """
    stored = storage.read(WANTED)
    if stored is None:
        return None, None
    try:
        document = _Document.model_validate_json(stored.content)
        version = require_name("an embedder", document.version)
    except (ValidationError, RepositoryError) as error:
        raise _damaged(repr(stored.content[:80])) from error
    return WantedEmbedder(version, document.recipe), stored.tag


def want(storage: Storage, embedder: WantedEmbedder, expected: str | None) -> None:
    """Want this embedder from now on, if the tag is still ``expected``.

    Raises:
        HeadMoved: if another process wants another one since.
    """
    document = _Document(version=embedder.version, recipe=dict(embedder.recipe))
    try:
        storage.replace(WANTED, sealed_text(document).encode(), expected)
    except TagMoved:
        raise HeadMoved(
            "the embedder that is wanted was changed by another process",
            remedy="wait until that process ends, then run this again",
        ) from None


def wrong_wanted(repository: Repository) -> str | None:
    """What verify tells: that it is not as it was written, or names nothing that is there."""
    try:
        wanted, _ = read_wanted(repository.storage)
    except DamagedArtifact as damage:
        return str(damage)
    if wanted is None:
        return None
    stored = repository.storage.read(WANTED)
    if stored is not None and seal_of(stored.content, _Document.model_fields) is not Seal.WHOLE:
        return str(_damaged("a checksum of other content, or none"))
    if not repository.storage.exists(Address.embedders().manifest_path(wanted.version)):
        return (
            f"{WANTED} names no embedder that is there: found {wanted.version!r}; "
            "'photosearch materialize' makes it again"
        )
    return None


def recipe_of(settings: Settings) -> dict[str, JsonValue]:
    """What the settings ask of an embedder."""
    weights = settings.embedder_weights
    preprocessing = {"mean": settings.embedder_mean, "std": settings.embedder_std}
    return {
        "network": settings.embedder_network,
        "weights": None if weights is None else str(weights),
        "precision": settings.embedder_precision,
        "projection_dimensions": settings.projection_dimensions,
        **{name: list(value) for name, value in preprocessing.items() if value is not None},
    }


def settings_for(settings: Settings, recipe: Recipe) -> Settings:
    """The settings that ask for an embedder of this recipe."""
    values: dict[str, Any] = {name: recipe.get(key) for key, name in _SETTING_OF.items()}
    if values["embedder_weights"] is not None:
        values["embedder_weights"] = Path(values["embedder_weights"])
    for name in ("embedder_mean", "embedder_std"):
        values[name] = None if values[name] is None else tuple(values[name])
    return settings.model_copy(update=values)


def told_overruled(settings: Settings, repository: Repository) -> str | None:
    """One line if the settings ask for another embedder than the one that is wanted.

    Of what they don't say nothing is told: a switch leaves them as they are.
    """
    wanted, _ = read_wanted(repository.storage)
    current = None if wanted is not None else repository.current(Address.embedders())
    recipe = wanted.recipe if wanted is not None else current.recipe if current else None
    if recipe is None:
        return None
    asked = recipe_of(settings)
    differ = [
        (setting, asked.get(name), recipe.get(name))
        for name, setting in _SETTING_OF.items()
        if setting in settings.model_fields_set and asked.get(name) != recipe.get(name)
    ]
    if not differ:
        return None
    found, limit = (", ".join(f"{s} = {pair[at]}" for s, *pair in differ) for at in (0, 1))
    return (
        f"the settings ask for another embedder than the one at work: found {found}, it was made "
        f"with {limit}; they decide the first one only: 'photosearch embedder use "
        f"{settings.embedder_network}' compares and switches, else take them out of the settings"
    )


def _damaged(found: str) -> DamagedArtifact:
    return DamagedArtifact(
        f"{WANTED} is not as it was written",
        found=found,
        remedy="delete it: then the current embedder stays, or the settings decide",
    )
