"""Writing photosearch.toml without losing what a person wrote into it.

tomlkit keeps comments, order and spacing. A value that is there stays, unless the user has
just named another on the command line; both are said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from photosearch.files.whole import OWNER_ALONE, write_whole
from photosearch.settings.settings import SettingsError
from photosearch.terminal.masked import masked_setting

_HEADER = """\
Settings of photosearch. Paths count from this file's folder.
The environment wins over this file: PHOTOSEARCH_PHOTOS_URL, and so on.
"""


@dataclass(frozen=True)
class SettingChange:
    """What became of one setting; ``before`` is none if it was not set."""

    name: str
    before: str | None
    after: str

    @property
    def is_change(self) -> bool:
        return self.before != self.after


def update_settings_file(
    file: Path,
    values: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
) -> list[SettingChange]:
    """Set ``values``, and those ``defaults`` that are not set yet, in one atomic write.

    Says what became of each. The file is made if it is not there.

    Raises:
        SettingsError: if the file is no TOML, or can't be written.
    """
    try:
        document = tomlkit.parse(file.read_text("utf-8-sig")) if file.exists() else _new_document()
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not a TOML file: {error}") from error
    changes = []
    for name, value in {**values, **(defaults or {}), **values}.items():
        before = str(document[name]) if name in document else None
        if before is None or (name in values and before != str(value)):
            document[name] = value
        changes.append(SettingChange(name, before, str(document[name])))
    if any(change.is_change for change in changes) or not file.exists():
        text = tomlkit.dumps(document).rstrip("\n") + "\n"
        _write(file, text, secret=_has_secret(document))
    return changes


def _new_document() -> tomlkit.TOMLDocument:
    document = tomlkit.document()
    for line in _HEADER.splitlines():
        document.add(tomlkit.comment(line))
    document.add(tomlkit.nl())
    return document


def _has_secret(document: tomlkit.TOMLDocument) -> bool:
    """Whether some value is shown otherwise than it is written, as a URL with a password."""
    return any(
        name.endswith("password") or masked_setting(str(value)) != str(value)
        for name, value in document.items()
        if isinstance(value, str)
    )


def _write(file: Path, text: str, *, secret: bool) -> None:
    """``secret``: for its owner alone, also where it was open to others before."""
    # It names what runs (own_steps): whatever the umask, not everybody may write it.
    mode = OWNER_ALONE if secret else 0o664
    try:
        write_whole(file, text, mode=mode, keep_mode=not secret)
    except OSError as error:
        raise SettingsError(
            f"{file} can't be written", found=error.strerror, remedy="check the folder's rights"
        ) from error
