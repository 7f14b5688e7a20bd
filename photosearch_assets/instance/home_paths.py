"""Where dagster.yaml says that Dagster's databases lie, and its own paths made relative.

A former release wrote absolute paths into it, once. Such a home that was then moved, copied,
renamed or restored went on using the databases of its first place, so that an erasure looked for
strips of photos where this installation has none. These paths alone are written anew, where they
stand in the text, and so are the names of the classes that need them; whatever else a person
wrote there stays as it is.
"""

import json
import logging
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from photosearch.files.disk import remedy_for
from photosearch.files.whole import write_whole
from photosearch_assets.errors import AssetsError
from photosearch_assets.instance.in_home import STORAGE
from photosearch_assets.instance.step_logs import FOLDER as LOGS

_log = logging.getLogger(__name__)

CONFIG = "dagster.yaml"
_OUR_STORAGE = "PhotosearchSqliteStorage"
_IN_HOME = {
    "LocalComputeLogManager": ("photosearch_assets.instance.logs_in_home", "LogsInHome"),
    "S3ComputeLogManager": ("photosearch_assets.instance.logs_in_s3", "LogsInS3"),
    "GCSComputeLogManager": ("photosearch_assets.instance.logs_in_gcs", "LogsInGCS"),
}

_MOVED_MODULES = {
    f"photosearch_assets.{name}": f"photosearch_assets.instance.{name}"
    for name in ("event_storage", "logs_in_home", "logs_in_s3", "logs_in_gcs")
}
"""Where 0.1.0 had the classes that it wrote into dagster.yaml, and where they are."""


def databases_folder(home: Path) -> Path | None:
    """The folder of the databases, if dagster.yaml names our storage; otherwise none.

    Raises:
        AssetsError: if dagster.yaml can't be read.
    """
    named = _Config(home / CONFIG).of_storage("base_dir")
    return None if named is None else home / named.value


def keep_up(home: Path) -> None:
    """Bring what a former release wrote into dagster.yaml up to this one: names of classes, and
    paths, which count from ``home``.

    Raises:
        AssetsError: if it leads to databases elsewhere while there are some here, and nothing
            says which are meant; or if it can't be read or written.
    """
    _follow_classes(_Config(home / CONFIG))
    _count_from_home(home)


def _follow_classes(config: "_Config") -> None:
    for node in config.modules():
        if node is not None and node.value in _MOVED_MODULES:
            config.replace(node, _MOVED_MODULES[node.value])
    config.write()


def _count_from_home(home: Path) -> None:
    config = _Config(home / CONFIG)
    named = config.of_storage("base_dir")
    if named is None or not Path(named.value).is_absolute():
        return
    before, here = Path(named.value), home / STORAGE
    if not _is_ours(before, here):
        return
    config.replace(named, STORAGE)
    for setting in ("base_dir", "local_dir"):
        folder = config.of_logs(setting)
        names = config.logs_class()
        if folder is not None and names is not None and Path(folder.value) == before.parent / LOGS:
            config.replace(folder, LOGS)
            config.replace(names[0], _IN_HOME[names[1].value][0])
            config.replace(names[1], _IN_HOME[names[1].value][1])
    config.write()
    if not _same(before, here):
        _log.warning(
            "Dagster's history is read from %s now, where it belongs: this folder was moved or "
            "copied, and %s still named %s. What was recorded there since stays there",
            here,
            config.path,
            before,
        )


def _is_ours(before: Path, here: Path) -> bool:
    """Whether a former release wrote that path, and not a person who wants it."""
    if _same(before, here):
        return True
    # <state_dir>/dagster/storage, as of another place.
    if before.parts[-3:] == here.parts[-3:]:
        return here.exists() or not before.exists()
    if here.exists() and before.exists():
        raise AssetsError(
            f"{here.parent / CONFIG} leads to the databases of another place",
            found=str(before),
            limit=f"this installation's are in {here}",
            remedy=f"set base_dir to {STORAGE!r} there, or move {here} away if it is not needed",
        )
    return here.exists()


def _same(before: Path, here: Path) -> bool:
    return before == here or (before.exists() and here.exists() and before.samefile(here))


class _Config:
    """dagster.yaml, whose values can be replaced where they stand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._text = path.read_text("utf-8")
            self._root = yaml.compose(self._text)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise AssetsError(
                f"{path} can't be read",
                found=" ".join(str(error).split()),
                remedy="correct it, or delete it: it is written anew",
            ) from error
        self._changes: list[tuple[int, int, str]] = []
        self._before: list[str] = []

    def of_storage(self, setting: str) -> Any:
        """The value of a setting of our storage, as YAML has it; none of another storage."""
        custom = _at(self._root, "storage", "custom")
        name = _at(custom, "class")
        return _at(custom, "config", setting) if _is(name, _OUR_STORAGE) else None

    def of_logs(self, setting: str) -> Any:
        return _at(self._root, "compute_logs", "config", setting)

    def modules(self) -> tuple[Any, Any]:
        """The modules of the storage's class and of the keeper of logs."""
        return _at(self._root, "storage", "custom", "module"), _at(
            self._root, "compute_logs", "module"
        )

    def logs_class(self) -> tuple[Any, Any] | None:
        """The module and the class of a stock keeper of logs; none if it is another."""
        module, name = (_at(self._root, "compute_logs", key) for key in ("module", "class"))
        if module is None or name is None or name.value not in _IN_HOME:
            return None
        return module, name

    def replace(self, node: Any, value: str) -> None:
        text = json.dumps(value) if node.style == '"' else value
        self._before.append(node.value)
        self._changes.append((node.start_mark.index, node.end_mark.index, text))

    def write(self) -> None:
        """Write what was replaced, if anything was.

        Raises:
            AssetsError: if the disk refuses.
        """
        if not self._changes:
            return
        text = self._text
        for start, end, value in sorted(self._changes, reverse=True):
            text = text[:start] + value + text[end:]
        file = self.path.resolve()  # a person may keep it elsewhere, and link it
        try:
            write_whole(file, text, keep_mode=True)
        except OSError as error:
            raise AssetsError(
                f"{self.path} names what is elsewhere, and can't be written anew",
                found=f"{error.strerror}; {', '.join(sorted(self._before))}",
                limit=f"it has to name {', '.join(sorted(value for _, _, value in self._changes))}",
                remedy=f"{remedy_for(error, 'state_dir')}; or write so there yourself",
            ) from error


def _at(node: Any, *keys: str) -> Any:
    """The node below ``keys``; none if there is none."""
    for key in keys:
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for name, value in node.value if _is(name, key)), None)
    return node


def _is(node: Any, text: str) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value == text
