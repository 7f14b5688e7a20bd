"""``photosearch up``: everything in the foreground, under one supervisor, until Ctrl-C."""

import signal
import threading
import time

from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TimeElapsedColumn
from rich.text import Text

from photosearch.installation import load_installation
from photosearch.printable import printable, printable_lines
from photosearch.stop_signals import stop_on_signals
from photosearch.supervised import State, SupervisedProcess
from photosearch.supervisor import Supervisor
from photosearch.terminal import Terminal


def up() -> None:
    """Start Dagster, the index servers and the API; Ctrl-C stops them all."""
    console = Terminal()
    stop = stop_on_signals(signal.SIGHUP)
    settings = load_installation(makes=True)
    with Supervisor(settings).start() as supervisor:
        _show_start(supervisor, console, stop)
        if supervisor.is_ready:
            for process in supervisor.processes:
                if process.url is not None:
                    console.print(
                        Text.assemble("  ", (process.spec.name, "bold"), f"  {process.url}")
                    )
            console.print(f"logs are in {settings.logs_dir}; Ctrl-C stops everything")
        _show_crashes(supervisor, console, stop)
        console.print("stopping ...")
    console.print("stopped")


def _show_start(supervisor: Supervisor, console: Terminal, stop: threading.Event) -> None:
    columns = (SpinnerColumn(), _Told(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        tasks = {
            process.spec.name: progress.add_task("", total=1, told=_described(process))
            for process in supervisor.processes
        }
        while not stop.is_set():
            for process in supervisor.processes:
                progress.update(
                    tasks[process.spec.name],
                    told=_described(process),
                    completed=int(process.state is State.READY),
                )
            if all(p.state in (State.READY, State.ENDED) for p in supervisor.processes):
                return
            time.sleep(0.1)


def _show_crashes(supervisor: Supervisor, console: Terminal, stop: threading.Event) -> None:
    shown = {
        process.spec.name: (process.state, process.restarts) for process in supervisor.processes
    }
    while not stop.wait(0.3):
        for process in supervisor.processes:
            now = (process.state, process.restarts)
            if now == shown[process.spec.name]:
                continue
            shown[process.spec.name] = now
            console.print(_described(process))
            if process.state is State.CRASHED:
                console.print(printable_lines(process.log_tail()), style="dim")


class _Told(ProgressColumn):
    """What a process does now."""

    def render(self, task: Task) -> Text:
        told: Text = task.fields["told"]
        return told


def _described(process: SupervisedProcess) -> Text:
    name, last_exit = process.spec.name, printable(process.last_exit)
    if process.state is State.READY:
        again = f", started again {process.restarts} times" if process.restarts else ""
        return Text.assemble(f"{name} is ", ("ready", "green"), again)
    if process.state is State.STARTING:
        return Text(f"{name} starts")
    if process.state is State.CRASHED:
        return Text.assemble(f"{name} ", ("crashed", "red"), f" ({last_exit}) and is started again")
    return Text.assemble(f"{name} ", ("ended", "red"), f" ({last_exit})")
