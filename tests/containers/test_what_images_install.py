"""What the images install is what the tests run with."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "containers").glob("*.Containerfile"))


def pins(file: Path) -> dict[str, str]:
    """The locked version of each package."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", file.read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_an_image_installs_the_versions_that_are_tested(name: str) -> None:
    installed = pins(ROOT / "requirements" / "containers" / f"{name}.txt")
    tested = pins(ROOT / "requirements" / "test.txt")

    assert installed
    assert {n: v for n, v in installed.items() if tested.get(n) != v} == {}, "run: make lock"


@pytest.mark.parametrize("name", NAMES)
def test_an_images_list_has_what_is_asked_for(name: str) -> None:
    asked = (ROOT / "containers" / f"{name}.in").read_text().splitlines()[1:]

    assert set(asked) <= pins(ROOT / "requirements" / "containers" / f"{name}.txt").keys()
