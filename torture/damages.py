"""Files that change by themselves: ``verify`` names each, or it matters to nobody."""

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from photosearch.terminal.terminal import say
from torture.shop import Shop, copy_of

#: Damages in all, if there is time.
MOST = 440
#: Below the state folder: made again by itself, read by nobody for its content, or Dagster's own
#: and the shop's, as docs/operations.md has them.
NOT_OURS = (
    *("dagster/", "logs/", "work/", "artifacts/", "runs/", "deployer/", "locks/", "endpoints/"),
    *("images/", "catalogue.db", "cache/pins/", "cache/bytes"),
    *("servings/.desk", "repository/notes/desks/"),
)
LOSS = "a loss"
#: What there need not be, so that its loss is none.
MAY_BE_LOST = ("cache/", "servings/.", "repository/asked/")


def torture(shop: Shop, minutes: float) -> Iterator[str]:
    """Damage one file at a time, look, and put it back."""
    shop.add(40)
    shop.run("init", "--photos", "photos")
    shop.run("materialize")
    listing = next(iter(shop.live))
    shop.erased[listing] = shop.live.pop(listing)
    shop.run("erase", listing)
    whole = copy_of(shop, shop.folder.parent / "whole")
    state = shop.folder / ".photosearch"
    files = [
        path
        for path in sorted(state.rglob("*"))
        if path.is_file() and path.stat().st_size and _is_ours(path.relative_to(state).as_posix())
    ]
    ends = time.monotonic() + minutes * 60
    done: Counter[str] = Counter()
    while time.monotonic() < ends and done.total() < MOST:
        # Of each kind as often: documents are few beside the files of versions.
        kind = shop.random.choice(sorted({_kind(path, state) for path in files}))
        path = shop.random.choice([one for one in files if _kind(one, state) == kind])
        name = shop.random.choice(sorted(DAMAGES))
        if name == LOSS and path.relative_to(state).as_posix().startswith(MAY_BE_LOST):
            continue
        DAMAGES[name](path, shop)
        done[name] += 1
        code, said = shop.said("verify")
        where = path.relative_to(state).as_posix()
        if "Traceback" in said:
            yield f"{name} of {where}: verify ends in a traceback"
        elif code == 0:
            yield f"{name} of {where}: verify says that all is well"
        restored = whole / path.relative_to(shop.folder)
        path.unlink(missing_ok=True)
        shutil.copy2(restored, path)
    say(f"{done.total()} damages: {dict(done)}")


def _kind(path: Path, state: Path) -> str:
    """The folder below the state folder, and of the repository the file's name too."""
    folder, *_, name = path.relative_to(state).as_posix().split("/")
    return f"{folder}/{name}" if folder == "repository" else folder


def _is_ours(name: str) -> bool:
    return not name.startswith(NOT_OURS) and "/.locks/" not in name and not name.endswith(".lock")


def _flip(path: Path, shop: Shop) -> None:
    content = bytearray(path.read_bytes())
    content[shop.random.randrange(len(content))] ^= 1 << shop.random.randrange(8)
    _write(path, bytes(content))


def _cut(path: Path, shop: Shop) -> None:
    content = path.read_bytes()
    _write(path, content[: shop.random.randrange(len(content))])


def _grow(path: Path, shop: Shop) -> None:
    _write(path, path.read_bytes() + b"\x00more")


def _zero(path: Path, shop: Shop) -> None:
    content = path.read_bytes()
    middle = bytes(len(content))
    _write(path, middle if middle != content else b"\x01" * len(content))


def _lose(path: Path, shop: Shop) -> None:
    path.unlink()


def _write(path: Path, content: bytes) -> None:
    mode = path.stat().st_mode
    path.chmod(mode | 0o200)
    path.write_bytes(content)
    os.chmod(path, mode)  # noqa: PTH101


DAMAGES: dict[str, Callable[[Path, Shop], None]] = {
    "a flipped bit": _flip,
    "a cut": _cut,
    "bytes at the end": _grow,
    "zeros": _zero,
    LOSS: _lose,
}
