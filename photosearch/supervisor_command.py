"""``photosearch up``: everything in the foreground, under one supervisor, until Ctrl-C."""

import signal
import threading
import time

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from photosearch.settings import load_settings
from photosearch.stop_signals import stop_on_signals
from photosearch.supervised import State, SupervisedProcess
from photosearch.supervisor import Supervisor


def up() -> None:
    """Start Dagster, the index servers and the API; Ctrl-C stops them all."""
    console = Console()
    stop = stop_on_signals(signal.SIGHUP)
    settings = load_settings()
    with Supervisor(settings).start() as supervisor:
        _show_start(supervisor, console, stop)
        if supervisor.is_ready:
            for process in supervisor.processes:
                if process.url is not None:
                    console.print(f"  [bold]{process.spec.name}[/]  {process.url}")
            console.print(f"logs are in {settings.logs_dir}; Ctrl-C stops everything")
        _show_crashes(supervisor, console, stop)
        console.print("stopping ...")
    console.print("stopped")


def _show_start(supervisor: Supervisor, console: Console, stop: threading.Event) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        tasks = {
            process.spec.name: progress.add_task(process.spec.name, total=1)
            for process in supervisor.processes
        }
        while not stop.is_set():
            for process in supervisor.processes:
                progress.update(
                    tasks[process.spec.name],
                    description=_described(process),
                    completed=int(process.state is State.READY),
                )
            if all(p.state in (State.READY, State.ENDED) for p in supervisor.processes):
                return
            time.sleep(0.1)


def _show_crashes(supervisor: Supervisor, console: Console, stop: threading.Event) -> None:
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
                console.print(process.log_tail(), style="dim", markup=False, highlight=False)


def _described(process: SupervisedProcess) -> str:
    name = process.spec.name
    if process.state is State.READY:
        again = f", started again {process.restarts} times" if process.restarts else ""
        return f"{name} is [green]ready[/]{again}"
    if process.state is State.STARTING:
        return f"{name} starts"
    if process.state is State.CRASHED:
        return f"{name} [red]crashed[/] ({process.last_exit}) and is started again"
    return f"{name} [red]ended[/] ({process.last_exit})"
