"""``photosearch up``: everything in the foreground, under one supervisor, until Ctrl-C."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, cast

import typer
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TimeElapsedColumn
from rich.text import Text

from photosearch.errors import PhotosearchError
from photosearch.processes.signals import stop_on_signals
from photosearch.processes.supervised import ProcessState, SupervisedProcess
from photosearch.processes.supervisor import Supervisor
from photosearch.settings.installation import load_installation
from photosearch.settings.settings import Settings
from photosearch.terminal.careful_output import CarefulOutput
from photosearch.terminal.printable import printable, printable_lines
from photosearch.terminal.terminal import Terminal

_LOOK_EVERY_S = 0.2


def up() -> None:
    """Start Dagster, the index servers and the API; Ctrl-C stops them all, twice at once."""
    hurry = threading.Event()
    stop = stop_on_signals(signal.SIGHUP, again=hurry)
    output, console = CarefulOutput(gone=stop), Terminal(soft_wrap=True)
    console.file = cast("IO[str]", output)
    settings = load_installation(makes=True)
    supervisor = Supervisor(settings)
    supervisor.hurry = hurry
    with supervisor.start():
        _warn(supervisor, console)
        beside = threading.Thread(target=_tell_overruled, args=[settings, console], daemon=True)
        beside.start()
        story = _Story(supervisor, console)
        with _bars(supervisor, console) as show:
            while not stop.wait(_LOOK_EVERY_S) and not _is_decided(supervisor):
                show()
                story.go_on()
                output.look()
            show()
        story.go_on()
        if not stop.is_set():
            _tell_addresses(supervisor, console)
            console.print(f"logs are in {settings.logs_dir}; Ctrl-C stops everything")
        while not stop.wait(_LOOK_EVERY_S) and supervisor.failure is None:
            story.go_on()
            output.look()
            if all(process.state is ProcessState.ENDED for process in supervisor.processes):
                break  # nothing is left to watch
        console.print("stopping ...")
    console.print("stopped")
    if supervisor.failure is not None:
        console.print(f"the watching itself failed: {supervisor.failure!r}", style="red")
    if supervisor.failure is not None or any(one.gave_up for one in supervisor.processes):
        raise typer.Exit(1)


def _is_decided(supervisor: Supervisor) -> bool:
    settled = (ProcessState.READY, ProcessState.ENDED)
    ready = all(process.state in settled for process in supervisor.processes)
    return ready or supervisor.failure is not None


def _warn(supervisor: Supervisor, console: Terminal) -> None:
    for process in supervisor.processes:
        if process.spec.warning is not None:
            console.print(Text.assemble(("warning: ", "yellow"), process.spec.warning))


def _tell_overruled(settings: Settings, console: Terminal) -> None:
    """Tell, when the repository has said which embedder is wanted, that the settings ask for
    another. Beside the start, because a bucket may take its time."""
    from photosearch.repository.repository import Repository
    from photosearch.repository.wanted_embedder import told_overruled

    with suppress(PhotosearchError):  # who works with the repository tells that
        if (told := told_overruled(settings, Repository.of(settings))) is not None:
            console.print(Text.assemble(("warning: ", "yellow"), printable(told)))


def _tell_addresses(supervisor: Supervisor, console: Terminal) -> None:
    for process in supervisor.processes:
        if process.url is not None and process.state is ProcessState.READY:
            console.print(Text.assemble("  ", (process.spec.name, "bold"), f"  {process.url}"))


@contextmanager
def _bars(supervisor: Supervisor, console: Terminal) -> Iterator[Callable[[], None]]:
    columns = (SpinnerColumn(), _Told(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        tasks = {
            process.spec.name: progress.add_task("", total=1, told=_described(process))
            for process in supervisor.processes
        }

        def show() -> None:
            for process in supervisor.processes:
                progress.update(
                    tasks[process.spec.name],
                    told=_described(process),
                    completed=int(process.state is ProcessState.READY),
                )

        yield show


class _Story:
    """Tells what becomes of the processes: each step once, but for those that begin well."""

    def __init__(self, supervisor: Supervisor, console: Terminal) -> None:
        self._supervisor = supervisor
        self._console = console
        self._told = {one.spec.name: (ProcessState.STARTING, 0) for one in supervisor.processes}

    def go_on(self) -> None:
        """Tell what is new."""
        for process in self._supervisor.processes:
            now = (process.state, process.restarts)
            before, self._told[process.spec.name] = self._told[process.spec.name], now
            if now == before or now == (ProcessState.READY, 0):
                continue
            if now[0] is before[0] is ProcessState.CRASHED:  # it is just being started again
                continue
            self._console.print(_described(process))
            if process.state is ProcessState.CRASHED or process.gave_up:
                self._console.print(printable_lines(process.log_tail()), style="dim")


class _Told(ProgressColumn):
    """What a process does now."""

    def render(self, task: Task) -> Text:
        told: Text = task.fields["told"]
        return told


def _described(process: SupervisedProcess) -> Text:
    name, why = process.spec.name, printable(process.hung or process.last_exit)
    if process.state is ProcessState.READY:
        again = f", started again {process.restarts} times" if process.restarts else ""
        return Text.assemble(f"{name} is ", ("ready", "green"), again)
    if process.state is ProcessState.STARTING:
        return Text(f"{name} starts")
    if process.state is ProcessState.HUNG:
        end = " and is ended, to be started again"
        return Text.assemble(f"{name} ", ("hangs", "red"), f" ({why})", end)
    if process.state is ProcessState.CRASHED:
        return Text.assemble(f"{name} ", ("crashed", "red"), f" ({why}) and is started again")
    if process.gave_up:
        return Text.assemble(f"{name} ", ("can't be started", "red"), f" and is given up: {why}")
    return Text.assemble(f"{name} ", ("ended", "red"), f" ({why})")
