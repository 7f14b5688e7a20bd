"""``photosearch settings``: every setting, its value here and what it means."""

from typing import Annotated, Any

import typer
from rich.table import Table

from photosearch.settings.dagster_home import VARIABLE
from photosearch.settings.settings import Settings, load_settings
from photosearch.terminal.masked import masked_setting
from photosearch.terminal.printable import printable
from photosearch.terminal.terminal import Terminal


def settings(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the defaults as docs/settings.md has them.")
    ] = False,
) -> None:
    """Show every setting with its value and meaning."""
    if markdown:
        Terminal(soft_wrap=True).print(settings_page(), end="")
        return
    current = load_settings()
    table = Table(
        *("setting", "value", "meaning"),
        title=_title(current),
        title_justify="left",
        caption=_caption(current),
        caption_justify="left",
    )
    for name, field in Settings.model_fields.items():
        table.add_row(
            name, printable(_written(masked_setting(getattr(current, name)))), field.description
        )
    Terminal().print(table)


def _title(current: Settings) -> str:
    there = current.file.is_file()
    return printable(current.file if there else f"{current.file} is not there: defaults hold")


def _caption(current: Settings) -> str:
    home = current.dagster_home
    why = "" if home == current.own_dagster_home else f", as {VARIABLE} says"
    return printable(f"Dagster's home is {home}{why}")


def settings_page() -> str:
    """docs/settings.md: the list of settings with their defaults."""
    lines = [
        "# Settings",
        "",
        "They are read from `photosearch.toml` in the current folder (or the file that",
        "`--settings` or `PHOTOSEARCH_SETTINGS` names) and from the environment, which wins:",
        "`PHOTOSEARCH_` and the name in capitals, such as `PHOTOSEARCH_API_PORT=8090`. Relative",
        "paths count from the file's folder. `photosearch settings` shows the values in force.",
        "",
        "| setting | default | meaning |",
        "| --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `{name}` | {_default(field.default)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _default(value: Any) -> str:
    return f"`{_written(value)}`" if _written(value) else "–"


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return value.isoformat() if hasattr(value, "isoformat") else "" if value is None else str(value)
