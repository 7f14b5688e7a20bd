"""A part that is not installed is named with its extra, by whatever command needs it."""

import os
import sqlite3
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from photosearch.extras import MODULES, SHARED

_WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Without(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name if named else None)

named = len(sys.argv) % 2  # whether who raises the error says the name apart
sys.meta_path.insert(0, Without())
from photosearch.cli import main
main(sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("without", "words", "extra"),
    [
        ("dagster,dagster_pipes", "materialize", "assets"),
        ("scann,grpc,grpc_health,google", "materialize", "index"),
        ("cryptography", "materialize", "signing"),
        ("fastapi", "api", "api"),
        ("uvicorn", "api", "api"),
        ("grpc", "api", "api"),
        ("grpc", "index-server --serving x", "index"),
        ("pyvips", "demo --exit --listings 50 --dir demo", "demo"),
        ("psycopg2", "init --database postgresql://127.0.0.1:1/shop", "postgres"),
    ],
)
def test_a_command_names_the_extra_that_it_needs(
    tmp_path: Path, without: str, words: str, extra: str
) -> None:
    (tmp_path / "photosearch.toml").touch()
    (tmp_path / ".photosearch").mkdir()
    sqlite3.connect(tmp_path / ".photosearch" / "catalogue.db").close()

    ended = subprocess.run(
        [sys.executable, "-c", _WITHOUT, without, *words.split()],
        env={**os.environ, "PHOTOSEARCH_SIGNING_KEY": "shop.key"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert "Traceback" not in ended.stderr
    assert ended.returncode == 1
    assert f"pip install 'photosearch[{extra}]'" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("error: ")


def test_every_module_comes_with_the_extra_that_is_named() -> None:
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    optional = pyproject["project"]["optional-dependencies"]
    installed = packages_distributions()
    pairs = [(module, extra) for extra, modules in MODULES.items() for module in modules]
    pairs += [(module, extra) for module, extras in SHARED.items() for extra in extras]
    indirect = {"boto3", "botocore", "google", "grpc_health", "efficientnet_lite_pytorch"}

    for module, extra in pairs:
        names = {name.lower().replace("_", "-") for name in installed.get(module, [module])}
        wanted = " ".join(optional[extra]).lower()
        assert module in indirect or any(name in wanted for name in names), (module, extra)
