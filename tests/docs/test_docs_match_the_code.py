"""What the documents name exists, and what exists is named in the documents."""

import re
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from photosearch.settings.command import settings_page
from photosearch.settings.settings import Settings
from tests.docs.pages import FOLDERS, PACKAGES, PAGES, ROOT, TEXT, blocks, in_code_type, page_name

COMMANDS = {point.name for point in entry_points(group="photosearch.commands")}
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
PROJECT = (ROOT / "pyproject.toml").read_text()
NO_MODULES = {
    "photosearch.toml",
    *re.findall(r'entry-points\."(.+?)"', PROJECT),
    *re.findall(r"^package (.+);", (ROOT / "index_grpc/wire/index.proto").read_text(), re.M),
}
"""Written like a module: the settings file, groups of entry points, the wire's package."""

NAMES_OF_OTHERS = {"proxy_pass", "reduce_range"}
"""nginx's, ONNX Runtime's."""

each_page = pytest.mark.parametrize("page", PAGES, ids=page_name)


def test_the_page_of_settings_lists_what_the_code_has() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page(), (
        "run: photosearch settings --markdown > docs/settings.md"
    )


@each_page
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"(?:^\$ |`)photosearch ([a-z][a-z-]+)", TEXT[page], re.MULTILINE))

    assert named <= COMMANDS


@each_page
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


@each_page
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)]+)", TEXT[page])

    assert [link for link in links if not _leads_somewhere(page, link)] == []


@each_page
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    """Anywhere on the page, in blocks and pictures too; a star stands for any name."""
    paths = re.findall(rf"(?<![\w/.~$:@-])((?:{_any_of(FOLDERS)})/[\w./*-]*)", TEXT[page])

    assert [path for path in paths if not any(ROOT.glob(path.rstrip("./")))] == []


@each_page
def test_every_file_of_code_that_a_page_names_without_its_folder_exists(page: Path) -> None:
    named = [name for name in in_code_type(TEXT[page]) if re.fullmatch(r"[a-z_0-9]+\.py", name)]

    assert [name for name in named if name not in _file_names()] == []


@each_page
def test_every_module_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(rf"(?<![\w/.@-])((?:{_any_of(PACKAGES)})(?:\.\w+)+)(?![\w/-])", TEXT[page])

    assert [name for name in named if name not in NO_MODULES and not _is_code(name)] == []


@each_page
def test_every_name_that_a_page_shows_in_code_s_type_is_in_the_code(page: Path) -> None:
    """Settings, columns, assets, fields, functions, tests: whatever has an underscore."""
    shown = [name.removesuffix("()") for name in in_code_type(TEXT[page])]
    names = {name for name in shown if re.fullmatch(r"_?[a-z0-9]+(?:_[a-z0-9]+)+", name)}

    assert names - _words_of_the_code() - NAMES_OF_OTHERS == set()


@each_page
def test_every_setting_that_a_page_sets_exists(page: Path) -> None:
    lines = [line for block in blocks(TEXT[page], "toml") for line in block.splitlines()]
    set_here = [re.match(r"([a-z_0-9]+) = ", line) for line in [*lines, *in_code_type(TEXT[page])]]
    variables = re.findall(r"PHOTOSEARCH_([A-Z0-9_]*[A-Z0-9])\b", TEXT[page])

    named = {found[1] for found in set_here if found} | {name.lower() for name in variables}
    assert named - set(Settings.model_fields) - {"settings"} == set()


def _any_of(names: list[str]) -> str:
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = page if not path else page.parent / path
    return target.exists() and (not heading or heading in _anchors(target))


@cache
def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


def _is_code(name: str) -> bool:
    """Whether ``a.b.c`` is a module, a package, or what module ``a.b`` defines as ``c``."""
    path = ROOT / name.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").exists():
        return True
    module, last = path.parent.with_suffix(".py"), re.escape(path.name)
    defined = rf"^(?:(?:async )?def|class) {last}\b|^{last}\b(?:: .+)? ="
    return module.exists() and re.search(defined, module.read_text(), re.M) is not None


@cache
def _file_names() -> frozenset[str]:
    return frozenset(path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


@cache
def _words_of_the_code() -> frozenset[str]:
    kinds = ("*.py", "*.proto", "*.yaml", "*.sql", "*.js")
    folders = [folder for folder in FOLDERS if folder != "tests"]
    files = [path for folder in folders for kind in kinds for path in (ROOT / folder).rglob(kind)]
    texts = [PROJECT, (ROOT / "Makefile").read_text(), *(path.read_text() for path in files)]
    tests = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    names = {name for text in tests for name in re.findall(r"^def (test_\w+)", text, re.M)}
    return frozenset(names.union(*(re.findall(r"\w+", text) for text in texts)))
