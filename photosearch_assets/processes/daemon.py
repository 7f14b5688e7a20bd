"""Dagster's daemon as our own process: Dagster's command, and a heart beside it.

Dagster watches the daemon's own threads and ends it when one is stuck. What it can't see is
that the whole process stands still; that is what the heartbeat is for.
"""

import sys
from importlib.metadata import entry_points

from photosearch.processes.heartbeat import Heartbeat
from photosearch.settings.settings import load_settings
from photosearch_assets.instance.old_runs import remove_daily
from photosearch_assets.processes import code_servers


def main() -> None:
    """Run the daemon for the workspace file that is the only argument."""
    [command] = entry_points(group="console_scripts", name="dagster-daemon")
    run = command.load()
    Heartbeat().start()
    settings = load_settings()
    code_servers.watch(settings.hung_after_s)
    remove_daily(settings)
    sys.argv = ["dagster-daemon", "run", "-w", sys.argv[1]]
    run()


if __name__ == "__main__":
    main()
