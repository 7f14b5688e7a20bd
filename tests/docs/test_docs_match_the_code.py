"""What the documents name exists, and what exists is named in the documents."""

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from photosearch.settings.command import settings_page

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = {page: page.read_text() for page in PAGES}
COMMANDS = {point.name for point in entry_points(group="photosearch.commands")}
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_page_of_settings_lists_what_the_code_has() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page(), (
        "run: photosearch settings --markdown > docs/settings.md"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"(?:^\$ |`)photosearch ([a-z][a-z-]+)", TEXT[page], re.MULTILINE))

    assert named <= COMMANDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"(?:^\$ |`)make ([a-z][a-z-]+)", TEXT[page], re.MULTILINE))

    assert named <= TARGETS


def test_every_command_is_named_in_a_page() -> None:
    named = {
        name
        for name in COMMANDS
        if any(re.search(rf"photosearch {name}\b", text) for text in TEXT.values())
    }

    assert named == COMMANDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", TEXT[page])

    assert [link for link in links if not (page.parent / link).exists()] == []
