"""Steps of a team's own, from files beside the settings: nothing in the package is touched.

A file holds a list under ``steps``, each entry as in the package's defs.yaml. Read when the code
location loads, so that a fault in it is told by Dagit and by every command that builds.
"""

import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import yaml  # type: ignore[import-untyped]
from pydantic import ValidationError

from photosearch.settings import Settings
from photosearch_assets.dag import DagStep
from photosearch_assets.errors import AssetsError


def own_steps(settings: Settings) -> list[DagStep]:
    """The steps of the file or folder that ``own_steps`` names, in the files' order; none if it
    is not there.

    Raises:
        AssetsError: naming the file, if it can't be read or holds something else than steps.
    """
    place = settings.own_steps_path
    files = sorted(place.glob("*.y*ml")) if place.is_dir() else [place]
    return [step for file in files if file.exists() for step in _read(file)]


def _read(file: Path) -> list[DagStep]:
    try:
        entries = _entries(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise AssetsError(f"{file} can't be read", found=error.strerror) from error
    except (yaml.YAMLError, ValueError) as error:
        raise _not_steps(file, " ".join(str(error).split())) from error
    return [_step(file, place, entry) for place, entry in enumerate(entries, 1)]


def _entries(document: Any) -> list[Any]:
    if document is None:
        return []
    if not isinstance(document, dict) or document.keys() != {"steps"}:
        found = ", ".join(map(str, document)) if isinstance(document, dict) else repr(document)
        raise ValueError(f"{found[:80]}, not one list under 'steps'")
    entries = document["steps"]
    if not isinstance(entries, list):
        raise ValueError(f"steps: {entries!r:.80}, not a list")
    return entries


def _step(file: Path, place: int, entry: Any) -> DagStep:
    named = f"step no. {place}"
    if not isinstance(entry, dict):
        raise _not_steps(file, f"{named}: {entry!r:.80}, not fields and values")
    if isinstance(entry.get("name"), str):
        named = f"step {entry['name']!r:.80}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Dagster's components use what pydantic deprecates
            step: DagStep = DagStep.resolve_from_dict(entry)
        # Owners, tags, kinds and groups have rules that only Dagster knows.
        dg.AssetSpec(
            step.name,
            owners=step.owners,
            tags=step.tags,
            kinds={*step.kinds},
            group_name=step.group,
        )
    except Exception as error:  # of the fields, of their resolving, of those rules: many classes
        raise _not_steps(file, f"{named}, {_fault(error)}") from error
    return step


def _fault(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        named = str(first["loc"][0]).partition(" at ")[0].strip("`").partition(".")[0]
        return f"{named}: {first['msg']}" if first["loc"] else first["msg"]
    return " ".join(str(error).split())[:300]


def _not_steps(file: Path, found: str) -> AssetsError:
    return AssetsError(
        f"{file} holds something else than steps",
        found=found,
        remedy="write them as docs/tutorial.md shows, under 'steps:'",
    )
