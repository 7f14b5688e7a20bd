"""The API's answers as a person reads them in a terminal."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from photosearch.client.cover_runs import CoverRun, cover_runs
from photosearch.terminal.printable import printable
from photosearch.terminal.terminal import Terminal
from photosearch.terminal.wording import counted
from photosearch.windows import CLOCK_TOLERANCE

if TYPE_CHECKING:  # the client has loaded the one that is shown
    from photosearch.rest.search import HiddenListings, SearchAnswer
    from photosearch.rest.timeline import Gap, Timeline, Trouble


def print_results(answer: "SearchAnswer", console: Terminal) -> None:
    """The listings of a search answer, and one line on what was searched."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("#", justify="right", style="dim")
    table.add_column("score", justify="right")
    table.add_column("listing", no_wrap=True, overflow="fold")  # ids are there to be copied
    table.add_column("title", overflow="fold")
    table.add_column("price", justify="right")
    table.add_column("window", no_wrap=True, style="dim")
    for place, result in enumerate(answer.results, 1):
        table.add_row(
            str(place),
            f"{result.score:.3f}",
            printable(result.listing_id),
            printable(result.title or ""),
            "" if result.price is None else f"{result.price:,.2f}",
            printable(result.window),
        )
    if answer.results:
        console.print(table)
    else:
        console.print(_nothing_words(answer.coverage.hidden))
    console.print(coverage_line(answer))


def _nothing_words(hidden: "Sequence[HiddenListings]") -> str:
    count = sum(one.listings for one in hidden)
    if not count:
        return "no listing found"
    return f"no listing that may be shown: {counted(count, 'listing')} found, all hidden"


def coverage_line(answer: "SearchAnswer") -> Text:
    """What was searched, in words."""
    coverage = answer.coverage
    windows, failed = coverage.windows, coverage.failed
    servers = {window.served_by for window in windows}
    line = Text()
    if coverage.complete:
        line.append("complete", "green")
    else:
        line.append("partial", "bold yellow")
    line.append(f": {counted(len(windows), 'window')} of {counted(len(servers), 'index server')}")
    if coverage.newest:
        line.append(f", up to {_moment(coverage.newest)}")
    for gap in coverage.gaps:
        line.append(f"\n  gap: {_moment(gap.start)} to {_moment(gap.end)}", "yellow")
    for one in failed:
        line.append("\n").append(
            printable(f"  failed: {one.window} of {one.served_by}: {one.reason}"),
            "yellow",
        )
    staleness = coverage.staleness
    if (ahead := clock_words(staleness.ahead_s)) is not None:
        line.append(f"\n  {ahead}", "bold yellow")
    if staleness.windows:
        line.append(f"\n  older than the catalogue: {', '.join(staleness.windows)}", "yellow")
    for hidden in coverage.hidden:
        style = "dim" if answer.results else "bold yellow"
        words = f"  hidden: {counted(hidden.listings, 'listing')}: {hidden.why}"
        line.append("\n").append(printable(words), style)
    timings = ", ".join(f"{stage} {taken:g}" for stage, taken in answer.timings_ms.items())
    line.append(f"\n  ms: {timings}", "dim")
    return line


def _ahead_s(timeline: "Timeline") -> float:
    return ((timeline.newest or timeline.now) - timeline.now).total_seconds()


def clock_words(ahead_s: float) -> str | None:
    """Said when windows answer that are not over by the API's clock, by more than clocks differ."""
    if ahead_s <= CLOCK_TOLERANCE.total_seconds():
        return None
    return (
        f"windows answer that end {timedelta(seconds=round(ahead_s))} from now by the API's clock: "
        "its clock, or that of a machine that indexes, is wrong or was; set the clocks right and "
        "run 'photosearch materialize'"
    )


def _versions(versions: Sequence[str], *, fold: bool) -> str:
    """One version, of which the beginning names it; or how many."""
    if len(versions) > 1:
        return f"{len(versions):,} versions"
    return versions[0][:8] if fold else versions[0]


def print_timeline(timeline: "Timeline", console: Terminal, *, fold: bool = True) -> None:
    """The cover that answers now with its gaps in time order, and counts by granularity.

    Windows that are alike are one line, unless ``fold`` is false.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("windows", "from", "to", "version", "served by", "state"):
        # In 80 columns a name of a server is cut rather than folded into a column of letters.
        cut = fold and name == "served by" and console.width < 100
        table.add_column(name, no_wrap=True, max_width=8 if cut else None)
    table.add_column("rows", justify="right")
    entries = [
        (run.start, _run_row(run, fold=fold)) for run in cover_runs(timeline.cover, fold=fold)
    ] + [(gap.start, _gap_row(gap)) for gap in timeline.gaps]
    for _, row in sorted(entries, key=lambda entry: entry[0]):
        table.add_row(*row)
    console.print(table)
    rows = sum(one.rows for one in timeline.cover)
    whole = Text("complete", "green") if timeline.complete else Text("partial", "bold yellow")
    console.print(
        whole,
        f"{_moment(timeline.start)} to {_moment(timeline.end)}: "
        f"{counted(len(timeline.cover), 'window')}, {counted(rows, 'photo')}, "
        f"{counted(len(timeline.servers), 'index server')}",
    )
    for one in timeline.timeline:
        stale = f", {one.stale:,} stale" if one.stale else ""
        missing = f", {one.missing:,} missing" if one.missing else ""
        console.print(
            f"  {one.granularity}: {one.ready:,} of {one.windows:,} ready{stale}{missing}",
        )
    if (ahead := clock_words(_ahead_s(timeline))) is not None:
        console.print(Text(ahead, "bold yellow"))
    for trouble in timeline.troubles:
        console.print(_trouble(trouble))


def _run_row(run: CoverRun, *, fold: bool) -> tuple[str | Text, ...]:
    return (
        run.name,
        _moment(run.start),
        _moment(run.end),
        _versions(run.versions, fold=fold),
        printable(run.first.served_by),
        Text("stale", "yellow") if run.first.stale else Text("ready", "green"),
        f"{run.rows:,}",
    )


def _gap_row(gap: "Gap") -> tuple[str | Text, ...]:
    return (
        Text("gap", "bold yellow"),
        Text(_moment(gap.start), "yellow"),
        Text(_moment(gap.end), "yellow"),
        "",
        "",
        Text("missing", "yellow"),
        "",
    )


def _trouble(told: "Trouble") -> Text:
    when = told.retry_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    line = Text("not served: ", "bold yellow")
    line.append(f"{printable(told.what)}\n", "yellow")
    line.append(
        f"  {printable(told.reason)}\n  tried again {when}; {printable(told.remedy)}", "dim"
    )
    return line


def _moment(moment: datetime) -> str:
    midnight = moment.time() == datetime.min.time()
    return moment.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M")
