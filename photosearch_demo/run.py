"""The demo from end to end, by the same commands and processes that a user has.

Nothing is taken a short way for the demo's sake: ``photosearch materialize`` runs as a
process of its own, the supervisor of ``photosearch up`` starts the servers, and the proof goes
over REST. Each stage looks at what is there, so a demo that was killed goes on.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from photosearch.address import base_url
from photosearch.client.cover_runs import cover_runs
from photosearch.processes.child import how_it_ended
from photosearch.processes.only_one import only_one
from photosearch.processes.reaper import reaped
from photosearch.processes.spec import photosearch_argv
from photosearch.processes.supervised import ProcessState
from photosearch.processes.supervisor import Supervisor
from photosearch.rest.timeline import Timeline
from photosearch.settings.settings import Settings
from photosearch.terminal.printable import printable
from photosearch.terminal.terminal import Terminal
from photosearch_demo.catalogue import draw_photos, write_catalogue
from photosearch_demo.folder import PHOTOS, DemoError, open_plan, write_settings
from photosearch_demo.proof import QUERIES, RECALL_FLOOR, Proof, prove, wait_complete
from photosearch_demo.shop import DrawnListing
from photosearch_demo.times import Stopwatch, artifacts_table

_START_S = 180.0
_COVER_S = 300.0
_PICTURES = "queries"
_LOCK = "demo.lock"
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run_demo(folder: Path, listings: int | None, *, stay: bool) -> bool:
    """Run the demo in ``folder``; whether its proof holds.

    With ``stay`` everything keeps running until Ctrl-C.
    """
    console = Terminal()
    for number in _STOPS:
        signal.signal(number, _interrupt)
    folder = folder.resolve()
    with only_one(folder / _LOCK, f"a demo in {folder}", "give another folder with --dir"):
        plan = open_plan(folder, listings, datetime.now(UTC))
        settings, shop, watch = write_settings(folder, plan), plan.shop(), Stopwatch()
        try:
            return _run(console, settings, shop, watch, stay=stay)
        except KeyboardInterrupt:
            console.print("stopped; 'photosearch demo' goes on from here")
            return False


def _interrupt(*_: object) -> None:
    """Interrupt once: another Ctrl-C must not break off the end of the servers."""
    for number in _STOPS:
        signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt


def _run(
    console: Terminal,
    settings: Settings,
    shop: list[DrawnListing],
    watch: Stopwatch,
    *,
    stay: bool,
) -> bool:
    photos = sum(entry.shots for entry in shop)
    made = f"A shop of {len(shop):,} listings with {photos:,} photos"
    listed = f"{shop[0].listed_at:%Y-%m-%d} to {shop[-1].listed_at:%Y-%m-%d %H:%M} UTC"
    place = printable(settings.base_dir)
    console.print(Text.assemble((made, "bold"), f", listed from {listed}, in {place}"))
    with watch.stage("drawing the photos"), _bar(console, "photos drawn", photos) as advance:
        processes = max(1, len(os.sched_getaffinity(0)))
        draw_photos(shop, settings.base_dir / PHOTOS, processes=processes, on_progress=advance)
        write_catalogue(shop, settings)
    _announce(console, "photosearch materialize", "Dagster makes every window")
    with watch.stage("materialising through Dagster"):
        _materialise(settings)
    console.print(artifacts_table(settings))
    _announce(console, "photosearch up", "Dagster, the index servers and the API")
    with Supervisor(settings) as supervisor:
        with watch.stage("starting the servers"):
            supervisor.start()
            _show_start(console, supervisor)
        address = base_url(settings.api_host, settings.api_port)
        with watch.stage("loading the indexes until all time is covered"):
            timeline = _await_cover(console, address)
        _show_cover(console, timeline)
        _announce(console, "Searching", "hard pictures of known listings, over REST")
        count = min(QUERIES, len(shop))
        searching = _bar(console, "pictures searched", count)
        with watch.stage("drawing and searching query pictures"), searching as advance:
            proof = prove(address, shop, on_progress=advance)
        _show_proof(console, proof, settings.base_dir / _PICTURES)
        console.print(watch.table())
        if stay:
            for process in supervisor.processes:
                if process.url is not None:
                    console.print(
                        Text.assemble("  ", (process.spec.name, "bold"), f"  {process.url}")
                    )
            console.print("Drop a photo on the first; Ctrl-C stops everything.")
            try:
                while True:
                    time.sleep(1)
            except KeyboardInterrupt:
                console.print("stopping ...")
    return proof.holds


def _announce(console: Terminal, name: str, what: str) -> None:
    console.print(Text.assemble("\n", (name, "bold"), f": {what}"))


@contextmanager
def _bar(console: Terminal, name: str, total: int) -> Iterator[Any]:
    columns = (
        TextColumn(name),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=total)
        yield lambda done: progress.update(task, completed=done)


def _materialise(settings: Settings) -> None:
    """Run the command as a user would; its own progress goes to the terminal.

    It ends with the demo, also with one that is killed: the next demo would run beside it.
    """
    with (
        reaped(str(settings.base_dir / _LOCK)) as environment,
        subprocess.Popen(
            photosearch_argv("materialize"), env={**settings.environment(), **environment}
        ) as materialize,
    ):
        code = materialize.wait()
    if code != 0:
        raise DemoError(
            "'photosearch materialize' failed",
            found=how_it_ended(code),
            remedy="read what it says above, then run the demo again: it goes on",
        )


def _show_start(console: Terminal, supervisor: Supervisor) -> None:
    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        tasks = {p.spec.name: progress.add_task(p.spec.name, total=1) for p in supervisor.processes}

        def show(current: Supervisor) -> None:
            for process in current.processes:
                done = int(process.state is ProcessState.READY)
                progress.update(tasks[process.spec.name], completed=done)

        supervisor.wait_ready(_START_S, show)
        show(supervisor)


def _await_cover(console: Terminal, address: str) -> Timeline:
    with console.status("waiting for the index servers") as status:

        def show(timeline: Timeline) -> None:
            servers = len(timeline.servers)
            status.update(f"{servers} index servers, {len(timeline.gaps)} gaps in time")

        return wait_complete(address, _COVER_S, show)


def _show_cover(console: Terminal, timeline: Timeline) -> None:
    table = Table(title="Which windows answer", title_justify="left")
    for name in ("windows", "from", "to", "photos", "index server"):
        table.add_column(name, justify="right" if name == "photos" else "left")
    for run in cover_runs(timeline.cover):
        stretch = (f"{one:%Y-%m-%dT%H:%M}" for one in (run.start, run.end))
        table.add_row(run.counted, *stretch, str(run.rows), run.first.served_by)
    console.print(table)


def _show_proof(console: Terminal, proof: Proof, folder: Path) -> None:
    """Print the figures and some answers; the pictures are kept to be looked at and tried."""
    folder.mkdir(exist_ok=True)
    table = Table(title=f"Some of the answers, to pictures in {folder}", title_justify="left")
    table.add_column("query picture", no_wrap=True)  # its name is there to be tried
    for name in ("shows", "found first", "score", ""):
        table.add_column(name)
    wrong = [answer for answer in proof.answers if not answer.is_right]
    for answer in [*proof.answers[:6], *wrong[:3]]:
        file = folder / f"{answer.wanted.listing_id}.jpg"
        file.write_bytes(answer.picture)
        first, score = "nothing", 0.0
        if answer.results:
            first, score = str(answer.results[0].title), answer.results[0].score
        table.add_row(
            file.name,
            answer.wanted.listing.title,
            first,
            f"{score:.2f}",
            Text("right", "green") if answer.is_right else Text("wrong", "red"),
        )
    console.print(table)
    colour = "green" if proof.holds else "red"
    covered = ("all time", "") if proof.is_complete else ("not all time", "red")
    console.print(
        Text.assemble(
            (f"recall@1 {proof.recall:.3f}", f"bold {colour}"),
            f" over {len(proof.answers)} pictures (at least {RECALL_FLOOR} is asked), "
            "every answer from ",
            covered,
            f", median {proof.median_ms:.0f} ms a search",
        )
    )
