"""The demo's folder: its plan, its settings file, and what is in it already.

Only the three numbers that decide the shop are kept, not the shop: everything else follows
from them. So a demo that was killed at any point goes on, and the shop of yesterday's demo
stays yesterday's, with today's hours empty, as a shop without new listings would.
"""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomlkit

from photosearch.errors import PhotosearchError
from photosearch.files.whole import write_whole
from photosearch.settings.settings import SETTINGS_FILE, Settings, load_settings
from photosearch_demo.shop import DrawnListing, plan_shop, timeline_start

PLAN_FILE = "demo.json"
PHOTOS = "photos"
LISTINGS = 2000
# Low enough for the demo's catalogue, so that the shared quantiser is shown at work.
QUANTISER_MIN_PHOTOS = 1000
_PORTS = {"api_port": 8080, "dagster_port": 3000}


class DemoError(PhotosearchError):
    """A demo that can't be made or that failed."""


@dataclass(frozen=True)
class DemoPlan:
    """What decides a demo's shop."""

    listings: int
    now: datetime
    seed: int = 1

    def shop(self) -> list[DrawnListing]:
        return plan_shop(self.listings, self.now, self.seed)


def open_plan(folder: Path, listings: int | None, now: datetime) -> DemoPlan:
    """The plan that the folder holds, or a new one for ``now``, kept there.

    Raises:
        DemoError: if the folder holds a demo with another number of listings, or settings that
            are a person's.
    """
    file = folder / PLAN_FILE
    if file.exists():
        kept = json.loads(file.read_text())
        plan = DemoPlan(kept["listings"], datetime.fromisoformat(kept["now"]), kept["seed"])
        if listings is not None and listings != plan.listings:
            raise DemoError(
                f"{folder} holds another demo",
                found=f"{plan.listings} listings",
                limit=f"{listings} were asked for",
                remedy="delete that folder or give another with --dir",
            )
        return plan
    if (folder / SETTINGS_FILE).exists():
        raise DemoError(
            f"{folder} is no demo's folder, and its settings are not the demo's to write over",
            found=f"{SETTINGS_FILE} without {PLAN_FILE}",
            remedy="give another folder with --dir",
        )
    plan = DemoPlan(listings or LISTINGS, now.astimezone(UTC).replace(microsecond=0))
    folder.mkdir(parents=True, exist_ok=True)
    content = {"listings": plan.listings, "now": plan.now.isoformat(), "seed": plan.seed}
    write_whole(file, json.dumps(content))
    return plan


def write_settings(folder: Path, plan: DemoPlan) -> Settings:
    """Write ``photosearch.toml``, with ports that are free now; the settings it gives.

    A port that the file names is kept if it is free, so that the address stays the same.
    """
    file = folder / SETTINGS_FILE
    kept: Mapping[str, Any] = (
        tomlkit.parse(file.read_text("utf-8-sig")).unwrap() if file.exists() else {}
    )
    document = tomlkit.document()
    document.add(tomlkit.comment("Written by 'photosearch demo'."))
    document["photos_url"] = PHOTOS
    document["timeline_start"] = timeline_start(plan.now)
    document["quantiser_min_photos"] = min(QUANTISER_MIN_PHOTOS, max(100, plan.listings // 2))
    taken: set[int] = set()
    for name, usual in _PORTS.items():
        port = _free_port(int(kept.get(name, usual)), taken)
        taken.add(port)
        document[name] = port
    write_whole(file, tomlkit.dumps(document))
    return load_settings(file)


def _free_port(wanted: int, taken: set[int]) -> int:
    for port in (*range(wanted, wanted + 50), 0):
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError("no port is free on 127.0.0.1", remedy="end some servers")
