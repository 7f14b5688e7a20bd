"""Index servers that really crash: their interpreter kills itself before it loads.

``sitecustomize`` runs in every Python that is started with the folder on its path; only an
index server whose Serving holds a version that is named in the file ``doomed`` dies of it, or
talks without end.
"""

import os
from collections.abc import Collection
from pathlib import Path

import pytest

from photosearch.repository.manifest import Manifest

_SITE = r"""
import ctypes, json, os, pathlib, sys
arguments = sys.orig_argv
if "index-server" in arguments and "--serving" in arguments:
    here = pathlib.Path(__file__).parent
    serving = json.loads(pathlib.Path(arguments[arguments.index("--serving") + 1]).read_text())
    held = {window["version"] for window in serving["windows"]}
    doom = dict(line.split() for line in (here / "doomed").read_text().splitlines())
    for version in sorted(held & doom.keys()) or (["*"] if "*" in doom else []):
        if doom[version] == "talks":
            import threading, time
            def talk():
                for number in range(100_000):
                    print(f"\x1b[32mword {number}\x1b[0m")
                    time.sleep(0.001)
            threading.Thread(target=talk, daemon=True).start()
            continue
        print(f"INFO {version[:8]} is being loaded", file=sys.stderr, flush=True)
        if doom[version] == "exit":
            os._exit(3)
        if doom[version] == "segfault":
            import faulthandler
            faulthandler.enable(all_threads=False)
            ctypes.string_at(0)
        os.kill(os.getpid(), int(doom[version]))
"""


class Doom:
    """Which versions kill the server that loads them, and how."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_SITE)
        self._file = folder / "doomed"
        self.none()
        path = os.environ.get("PYTHONPATH")
        monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{path}" if path else str(folder))

    def none(self) -> None:
        self._file.write_text("")

    def befall(self, *versions: Manifest, how: str = "segfault") -> None:
        self.befall_named([manifest.version for manifest in versions], how)

    def befall_named(self, versions: Collection[str], how: str) -> None:
        self._file.write_text("".join(f"{version} {how}\n" for version in versions))
