"""The documents of the project, and what they may name."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = {page: page.read_text() for page in PAGES}

#: Folders at the top, but those that tools make.
FOLDERS = [
    folder.name
    for folder in sorted(ROOT.iterdir())
    if folder.is_dir() and any(folder.rglob("*")) and not folder.name.startswith((".", "demo-"))
]
PACKAGES = [name for name in FOLDERS if (ROOT / name / "__init__.py").exists()]


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def in_code_type(text: str) -> list[str]:
    """What stands between backquotes in the prose, without the blocks of code."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", prose)


def blocks(text: str, language: str) -> list[str]:
    """The blocks of code in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
