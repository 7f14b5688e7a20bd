"""Fills /opt/photosearch in an image: the locked packages, this project, and nothing else.

Run by a Containerfile, once for each of the two, so that a change of the project is one small
layer. Packages come from /run/wheels when the build has that folder (it was filled outside, by
a pip with that machine's own configuration, none of which gets in here), else from the index
that pip knows. pip itself stays outside of /opt/photosearch, and nothing of this needs a shell,
so that the base may do without either.

    install.py packages                     those of /run/requirements.txt
    install.py project FOLDER... --commands NAME... [--drop FOLDER...]
"""

import argparse
import configparser
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PREFIX = Path("/opt/photosearch")
PYTHON = PREFIX / "bin" / "python"
REQUIREMENTS = Path("/run/requirements.txt")
SOURCE = Path("/run/source")
WHEELS = Path("/run/wheels")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["packages", "project"])
    parser.add_argument("folders", nargs="*", help="packages of the project that the image has")
    parser.add_argument("--commands", nargs="*", default=[], help="of photosearch, in the image")
    parser.add_argument("--drop", nargs="*", default=[], help="folders in them without use in it")
    arguments = parser.parse_args()
    if arguments.what == "packages":
        venv.create(PREFIX, symlinks=True, with_pip=False)
        pip("--no-deps", "--require-hashes", "--requirement", str(REQUIREMENTS))
        drop_tests()
    else:
        install_project(arguments.folders, arguments.drop)
        keep_commands(arguments.commands)


def pip(*arguments: str) -> None:
    """Install into /opt/photosearch."""
    command, places = [sys.executable, "-m", "pip"], []
    if any(WHEELS.glob("*.whl")):
        command = [sys.executable, f"{next(WHEELS.glob('pip-*.whl'))}/pip"]
        places = ["--no-index", "--find-links", str(WHEELS)]
    options = ["--no-cache-dir", "--disable-pip-version-check", "--quiet"]
    command += ["--python", str(PYTHON), "install", *options, "--root-user-action", "ignore"]
    subprocess.run([*command, *places, *arguments], check=True)


def drop_tests() -> None:
    """Take out the packages' own tests: 20 MB that nothing imports."""
    for folder in sorted(site().rglob("tests")):
        if (folder / "__init__.py").exists() and (folder.parent / "__init__.py").exists():
            shutil.rmtree(folder)


def install_project(folders: list[str], dropped: list[str]) -> None:
    """Install these packages of the project, without the folders dropped."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary)  # the source is read-only, and setuptools writes beside it
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(SOURCE / name, copy)
        for folder in folders:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(SOURCE / folder, copy / folder, ignore=ignored)
        for folder in dropped:
            shutil.rmtree(copy / folder)
        pip("--no-deps", str(copy))


def keep_commands(names: list[str]) -> None:
    """Leave these commands of ``photosearch``, and of other entry points those that load."""
    file = next(site().glob("photosearch-*.dist-info")) / "entry_points.txt"
    points = configparser.ConfigParser(delimiters=("=",))
    points.read(file)
    for group in points.sections():
        for name, target in points.items(group):
            if group == "photosearch.commands":
                kept = name in names
            else:
                module, _, attribute = target.partition(":")
                check = f"import {module} as m; m.{attribute}"
                tried = subprocess.run([PYTHON, "-c", check], capture_output=True)
                kept = tried.returncode == 0
            if not kept:
                points.remove_option(group, name)
    with file.open("w") as written:
        points.write(written)


def site() -> Path:
    """The folder of installed packages."""
    return next((PREFIX / "lib").glob("python*/site-packages"))


if __name__ == "__main__":
    main()
