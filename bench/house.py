"""How large the house is, and whether its imports run one way; of any checkout.

``make bench ARGS=house`` looks at this one, ``python -m bench.house FOLDER`` at another, so that
two releases can be compared by the same eyes. Lines are those of product code, blank ones and
comments too, without the demo. A circle is a set of modules (or of folders and files side by
side) of which each reaches each other by imports; the largest floor is the folder that holds the
most files by itself.
"""

import re
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import grimp
from rich.console import Console

from bench.rows import BenchRow

DEMO = {"demo", "photosearch_demo"}  # it was a folder of the core once
NO_PRODUCT = {"tests", "bench", "torture", "scripts", "build"}
NO_EXTRAS = {"all", "test"}


def measure(root: Path = Path(__file__).parents[1]) -> list[BenchRow]:
    """Look at the checkout in ``root``; it must be first on the path, for imports are resolved."""
    packages = sorted(
        found.parent.name
        for found in root.glob("*/__init__.py")
        if found.parent.name not in NO_PRODUCT
    )
    files = [file for name in packages for file in (root / name).rglob("*.py")]
    product = [file for file in files if not DEMO & set(file.relative_to(root).parts)]
    lines = sum(len(file.read_bytes().splitlines()) for file in product)
    folder, most = Counter(file.parent for file in product).most_common(1)[0]
    settings = tomllib.loads((root / "pyproject.toml").read_text())
    graph = grimp.build_graph(*packages, cache_dir=None)
    contracts = settings["tool"]["importlinter"]["contracts"]
    needed = dependencies(settings["project"])
    return [
        BenchRow("lines of product code", lines, "", None, f"{len(product)} files"),
        BenchRow(
            "dependencies, with those of extras", len(needed), "", None, "what tests need apart"
        ),
        BenchRow("circles of modules", len(circles(graph)), "", "0", f"of {len(graph.modules)}"),
        BenchRow("circles of folders side by side", folder_circles(graph), "", "0", ""),
        BenchRow("import contracts", len(contracts), "", None, "`make lint` holds them"),
        BenchRow("files on the largest floor", most, "", None, str(folder.relative_to(root))),
    ]


def dependencies(project: dict[str, Any]) -> set[str]:
    """The names of what ``[project]`` asks for, for any use but to test it."""
    asked = [*project["dependencies"]]
    for extra, its in project["optional-dependencies"].items():
        asked += [] if extra in NO_EXTRAS else its
    return {re.split(r"[^\w.-]", one, maxsplit=1)[0] for one in asked} - {"photosearch"}


def circles(graph: grimp.ImportGraph) -> set[frozenset[str]]:
    """The sets of modules that reach each other."""
    around = (
        frozenset(
            {name, *(graph.find_downstream_modules(name) & graph.find_upstream_modules(name))}
        )
        for name in graph.modules
    )
    return {found for found in around if len(found) > 1}


def folder_circles(graph: grimp.ImportGraph) -> int:
    """How many there are between the children of a package, over all packages."""
    return sum(len(circles(_siblings(graph, name))) for name in graph.modules)


def _siblings(graph: grimp.ImportGraph, package: str) -> grimp.ImportGraph:
    """The children of a package alone, with what their descendants import of each other."""
    child_of = {
        module: child
        for child in graph.find_children(package)
        for module in {child, *graph.find_descendants(child)}
    }
    siblings = grimp.ImportGraph()
    for module, child in child_of.items():
        siblings.add_module(child)
        for imported in graph.find_modules_directly_imported_by(module):
            if (other := child_of.get(imported, child)) != child:
                siblings.add_import(importer=child, imported=other)
    return siblings


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    sys.path.insert(0, str(where))
    for row in measure(where):
        Console().print(f"{row.name}: {row.value:,} {row.note}".rstrip(), highlight=False)
