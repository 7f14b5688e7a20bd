"""Where the Dagster of our own home keeps its history: in SQLite files, or in PostgreSQL.

One machine needs no more than files. Several that work on one repository see one history only in a
database, which ``dagster_database_url`` names. What dagster.yaml says of it is a variable's name:
no password is written down, and run workers, which get a copy of that file, find it in theirs.
"""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml  # type: ignore[import-untyped]

from photosearch.settings.settings import Settings
from photosearch_assets.errors import AssetsError
from photosearch_assets.instance.in_home import STORAGE

URL_VARIABLE = "PHOTOSEARCH_DAGSTER_DATABASE_URL"
PASSWORD_VARIABLE = "PHOTOSEARCH_DAGSTER_DATABASE_PASSWORD"
"""The settings' own, so that whoever sets them by the environment sets them once for all."""

_POSTGRES = "PhotosearchPostgresStorage"


def storage_of(settings: Settings) -> dict[str, Any]:
    """What dagster.yaml says of the storage."""
    if settings.dagster_database_url is None:
        return {
            "module": "photosearch_assets.instance.event_storage",
            "class": "PhotosearchSqliteStorage",
            "config": {"base_dir": STORAGE},
        }
    return {
        "module": "photosearch_assets.instance.postgres_storage",
        "class": _POSTGRES,
        "config": {"postgres_url": {"env": URL_VARIABLE}},
    }


def storage_variables(settings: Settings) -> dict[str, str]:
    """What the storage needs in the environment of whoever opens it."""
    url, password = settings.dagster_database_url, settings.dagster_database_password
    return {
        **({} if url is None else {URL_VARIABLE: url}),
        **({} if password is None else {PASSWORD_VARIABLE: password.get_secret_value()}),
    }


def with_password(url: str, password: str | None) -> str:
    """A database's URL, with the password in it.

    Raises:
        AssetsError: if it has another already, of which nobody knows which is meant.
    """
    parts = sa.make_url(url)
    if password and parts.password not in (None, password):
        raise AssetsError(
            "dagster_database_url holds another password than dagster_database_password",
            found=parts.render_as_string(hide_password=True),
            remedy=f"leave it out of the URL; {PASSWORD_VARIABLE} comes before the settings' file",
        )
    if password:
        parts = parts.set(password=password)
    return parts.render_as_string(hide_password=False)


def require_meant(settings: Settings, config: Path) -> None:
    """See that dagster.yaml and the settings mean the same storage, and one password.

    Raises:
        AssetsError: if they don't. The file may be a person's: what is there is not changed, and
            a history is never split in two for a variable that was not set in one shell.
    """
    if (url := settings.dagster_database_url) is not None:
        secret = settings.dagster_database_password
        with_password(url, None if secret is None else secret.get_secret_value())
    storage = (yaml.safe_load(config.read_text("utf-8")) or {}).get("storage") or {}
    custom = storage.get("custom") or {}
    is_ours = custom.get("class") == _POSTGRES
    asks_us = is_ours and (custom.get("config") or {}).get("postgres_url") == {"env": URL_VARIABLE}
    if settings.dagster_database_url is None and asks_us:
        raise AssetsError(
            f"{config} keeps Dagster's history in PostgreSQL",
            found="no dagster_database_url, which says where",
            remedy="set it; or delete that file, and a history in state_dir begins",
        )
    if settings.dagster_database_url is not None and not is_ours:
        raise AssetsError(
            f"dagster_database_url is set, and {config} names another storage",
            found=str(custom.get("class") or next(iter(storage), "none, which is SQLite's")),
            limit=_POSTGRES,
            remedy="delete that file: it is written anew, and what is recorded there stays in its "
            "place; or leave dagster_database_url out",
        )
