"""``make bench``: measure speed and memory, print the table that docs/benchmarks.md records.

Each module measures in one run and compares ways by their ratio, because machines are noisy.
Nothing here asserts: a number that misses its aim is printed like the others.
"""

import argparse
import importlib
import os
import platform
import time

from rich.console import Console
from rich.table import Table

from bench.rows import BenchRow

MODULES = (
    "house",
    "embed",
    "fetch",
    "search",
    "index",
    "backfill",
    "replace",
    "look",
    "serving_image",
    "ship",
)
ON_REQUEST = ("backfill_year", "dagster_storage")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    known = ", ".join(MODULES + ON_REQUEST)
    parser.add_argument(
        "modules", nargs="*", default=MODULES, help=f"of {known}; all but the last two by default"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - {*MODULES, *ON_REQUEST}:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: {known}")

    os.environ.pop("DAGSTER_HOME", None)  # a person's own Dagster is no place for thousands of runs
    progress = Console(stderr=True)
    rows: list[BenchRow] = []
    for name in arguments.modules:
        progress.print(f"measuring [bold]{name}[/] ...")
        start = time.perf_counter()
        rows.extend(importlib.import_module(f"bench.{name}").measure())
        progress.print(f"  {time.perf_counter() - start:.0f} s")
    print_table(rows, markdown=arguments.markdown)


def print_table(rows: list[BenchRow], *, markdown: bool) -> None:
    """Print the machine and the rows, for a terminal or for a document."""
    console = Console(soft_wrap=markdown)
    console.print(machine(), highlight=False)
    if markdown:
        lines = ["", "| what | measured | aim | how |", "| --- | --- | --- | --- |"]
        lines += [f"| {r.name} | {figure(r)} | {r.target or '–'} | {r.note} |" for r in rows]
        console.print("\n".join(lines), markup=False, highlight=False)
        return
    table = Table("what", "measured", "aim", "how", show_lines=True)
    for row in rows:
        table.add_row(row.name, figure(row), row.target or "–", row.note)
    console.print(table)


def figure(row: BenchRow) -> str:
    """The value with three significant digits and its unit."""
    value = f"{row.value:,.0f}" if abs(row.value) >= 100 else f"{row.value:.3g}"
    return f"{value} {row.unit}".strip()


def machine() -> str:
    """One line on the machine, for a reader who compares."""
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
