"""A state folder that was used holds no path that leads back to where it was."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.cli import main
from photosearch.repository.addresses import Address, Kind
from photosearch.windows import Window
from photosearch_assets.processes.specs import daemon, webserver
from photosearch_assets.steps.context import StepContext
from tests.assets.conftest import Materialize, Shop, hours, instance, materialize
from tests.erasure.conftest import DAY
from tests.erasure.servers import announce
from tests.erasure.test_erase import erase

__all__ = ["instance", "materialize"]

# What may name its own place, and why that leads no program back to it.
EXPLAINED: dict[str, str] = {"logs": "told to a person; no program reads them"}


def use(shop: Shop, materialize: Materialize) -> None:
    """Make, ship, serve, erase, go back, clean and look, by commands where there are any."""
    day, window = DAY.start_text, hours(0, 1)[0]
    shop.list_hours(24, photos=1)
    assert materialize("embedder").success
    assert materialize("images", "embeddings", "hourly_index", windows=hours(0, 24)).success
    assert materialize("daily_index", windows=[DAY]).success, day
    webserver(shop.settings)
    daemon(shop.settings)
    reconcile_servings(shop.settings)
    announce(shop, window)
    (shop.settings.endpoints_dir / "pack.json").unlink()
    (shop.root / "kept elsewhere").write_bytes((shop.root / "photos/p3.png").read_bytes())
    (shop.root / "photos/p3.png").unlink()
    (shop.root / "photos/p3.png").symlink_to(shop.root / "kept elsewhere")
    erase(shop, "p3.png", photo_too=True)
    erase(shop, "p2.png")
    with StepContext(shop.settings) as context:
        address = Address.index(context.fingerprint, Window.parse(window.key))
        [version] = context.repository.heads(context.fingerprint, Kind.INDEX).keys() & {window}
        current = context.repository.current(address)
        assert version == window
        assert current is not None
        context.repository.rollback(address, current.version)
    for command in (["gc", "--grace-hours", "0"], ["verify"], ["explain", "p5.png"]):
        with suppress(SystemExit):  # what they find is other tests' business
            main(command)


def files_that_say(folder: Path, text: str) -> Iterator[str]:
    """Databases are also read as SQLite reads them: a text may lie in several pages."""
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        content = file.read_bytes()
        if text.encode() in content or (content[:15] == b"SQLite format 3" and _says(file, text)):
            yield file.relative_to(folder).as_posix()


def _says(database: Path, text: str) -> bool:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
        return any(text in line for line in opened.iterdump())


def test_a_used_state_folder_names_its_own_place_nowhere(
    shop: Shop, materialize: Materialize
) -> None:
    use(shop, materialize)

    found = set(files_that_say(shop.settings.state, str(shop.root)))

    told = {name for name in found if Path(name).parts[0] in EXPLAINED}
    # The receipt says where the photo lies of which but a link was deleted.
    receipts = {name for name in found if name.startswith("repository/erasures/")}
    assert found - told - receipts == set()
    assert len(receipts) == 1
    assert str(shop.root / "kept elsewhere") in (shop.settings.state / receipts.pop()).read_text()
