"""``make torture``: kill it, stop it, set its clocks, damage its files, overload it; then look.

Minutes long, and no part of ``make test``. Each module makes an installation of its own, and what
it finds afterwards is a fault or nothing.
"""

import argparse
import importlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photosearch.terminal.terminal import say
from torture.shop import Shop

MODULES = ("kills", "hangs", "clocks", "damages", "overload")


def main() -> int:
    """Run what is named; 1 if there is a fault."""
    parser = argparse.ArgumentParser(prog="make torture ARGS=...", description=__doc__)
    parser.add_argument("modules", nargs="*", default=MODULES, help=f"of {', '.join(MODULES)}")
    parser.add_argument("--minutes", type=float, default=3.0, help="of each, at least")
    parser.add_argument("--seed", type=int, default=None, help="repeats the choices of a run")
    parser.add_argument("--keep", action="store_true", help="leave the folders to be looked at")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - {*MODULES}:
        parser.error(f"nothing is called {', '.join(sorted(unknown))}: {', '.join(MODULES)}")
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    say(f"seed {seed}")
    count = 0
    for name in arguments.modules:
        with _folder(name, keep=arguments.keep) as folder:
            count += _tortured(name, folder / "shop", seed, arguments.minutes)
    return 1 if count else 0


@contextmanager
def _folder(name: str, *, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"torture-{name}-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _tortured(name: str, folder: Path, seed: int, minutes: float) -> int:
    say(f"{name} in {folder} ...")
    shop, count = Shop(folder, seed), 0
    began = time.monotonic()
    try:
        for fault in importlib.import_module(f"torture.{name}").torture(shop, minutes):
            say(f"  fault: {fault}")
            count += 1
    finally:
        shop.end_all()
    took_s = time.monotonic() - began
    say(f"{name}: {count or 'no'} fault{'' if count == 1 else 's'}, {took_s:.0f} s")
    return count


if __name__ == "__main__":
    sys.exit(main())
