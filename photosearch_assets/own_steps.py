"""Steps of a team's own, from files beside the settings: nothing in the package is touched.

A file holds a list under ``steps``, each entry as in the package's defs.yaml. Read when the code
location loads, so that a fault in it is told by Dagit and by every command that builds.
"""

import warnings
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from pydantic import ValidationError

from photosearch.settings.settings import Settings
from photosearch_assets.assets import asset_of
from photosearch_assets.dag import DagStep
from photosearch_assets.errors import AssetsError


class _OneOfEach(yaml.SafeLoader):  # type: ignore[misc]
    """Refuses a name that is given twice, of which YAML would take the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for name, count in Counter(names).items():
            if count > 1 and name != "<<":
                raise ValueError(f"{name!r} given {count} times, line {node.start_mark.line + 1}")
        built: dict[Any, Any] = super().construct_mapping(node, deep)
        return built


def own_steps(settings: Settings) -> list[DagStep]:
    """The steps of the file or folder that ``own_steps`` names, in the files' order; none if it
    is not there.

    Raises:
        AssetsError: naming the file, if it can't be read or holds something else than steps.
    """
    place = settings.own_steps_path
    files = sorted(place.glob("*.y*ml")) if place.is_dir() else [place]
    return [
        step for file in files if file.exists() for step in _read(file, settings.timeline_start)
    ]


def _read(file: Path, start: datetime) -> list[DagStep]:
    try:
        with file.open("rb") as opened:
            # Of UTF-8 and UTF-16 the loader finds out by itself.
            entries = _entries(yaml.load(opened, _OneOfEach))
    except OSError as error:
        raise AssetsError(f"{file} can't be read", found=error.strerror) from error
    except (yaml.YAMLError, ValueError) as error:
        raise _not_steps(file, " ".join(str(error).split())) from error
    return [_step(file, place, entry, start) for place, entry in enumerate(entries, 1)]


def _entries(document: Any) -> list[Any]:
    if document is None:
        return []
    if not isinstance(document, dict) or document.keys() != {"steps"}:
        found = ", ".join(map(str, document)) if isinstance(document, dict) else repr(document)
        raise ValueError(f"{found[:80]}, not one list under 'steps'")
    entries = document["steps"] or []
    if not isinstance(entries, list):
        raise ValueError(f"steps: {entries!r:.80}, not a list")
    return entries


def _step(file: Path, place: int, entry: Any, start: datetime) -> DagStep:
    named = f"step no. {place}"
    if not isinstance(entry, dict):
        raise _not_steps(file, f"{named}: {entry!r:.80}, not fields and values")
    if isinstance(entry.get("name"), str):
        named = f"step {entry['name']!r:.80}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Dagster's components use what pydantic deprecates
            step: DagStep = DagStep.resolve_from_dict(entry)
            # Names, checks, pools, owners, tags and times have rules that only Dagster knows.
            asset_of(step.model_copy(update={"after": []}), {}, start, None)
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
