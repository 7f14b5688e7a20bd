"""A real other user: no name, no HOME or one that is not his, and models in a bucket."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tomlkit

from photosearch.processes.spec import photosearch_argv
from tests.assets.conftest import draw
from tests.stores.buckets import StoreServer

NOBODY = 54321
AS_NOBODY = [
    *("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"),
    # He may read the tests' Python, wherever it lies, and write no more than any other user.
    *("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search", "env", "-i"),
]
HOUR = "hourly/2026-01-01T00"


def run(folder: Path, variables: dict[str, str], *words: str) -> str:
    given = [f"{name}={value}" for name, value in variables.items()]
    ended = subprocess.run(
        [*AS_NOBODY, *given, *photosearch_argv(*words)], cwd=folder, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of his, that he reaches."""
    folder = Path("/tmp") / f"photosearch-nobody-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
def test_without_a_home_of_his_a_user_makes_and_looks_after_what_lies_in_a_bucket(
    s3: StoreServer, folder: Path
) -> None:
    tried = subprocess.run([*AS_NOBODY, "true"], capture_output=True)
    if tried.returncode:
        pytest.skip("only root becomes somebody else")
    bucket = s3.bucket()
    (folder / "photos").mkdir()
    draw(folder / "photos" / "p1.png", seed=1)
    then = datetime(2026, 1, 1, 0, 30, tzinfo=UTC).timestamp()
    os.utime(folder / "photos" / "p1.png", (then, then))
    document = {"models_url": bucket.url, **bucket.options()}
    (folder / "photosearch.toml").write_text(tomlkit.dumps(document))
    # A profile, which is looked for at home too.
    profile = folder / "keys"
    profile.write_text("[default]\naws_access_key_id = tests\naws_secret_access_key = secret\n")
    keys = {"AWS_CONFIG_FILE": str(profile)}
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)

    run(folder, keys, "init", "--photos", "photos")
    run(folder, keys, "materialize", "--window", HOUR)
    assert "0 damaged" in run(folder, keys, "verify")
    assert "index" in run(folder, keys | {"HOME": "/dev/null"}, "explain", "p1.png")
    run(folder, keys | {"HOME": "/root"}, "init", "--photos", "photos")
    run(folder, keys | {"HOME": "/nonexistent"}, "materialize", "--window", HOUR)

    assert {path.stat().st_uid for path in folder.rglob("*")} == {NOBODY}
