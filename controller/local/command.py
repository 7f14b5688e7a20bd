"""``photosearch deployer``: the local deployer in the foreground."""

from controller.local.deployer import LocalDeployer
from photosearch.logs.line_format import log_to_stderr
from photosearch.processes.heartbeat import Heartbeat
from photosearch.processes.signals import stop_on_signals
from photosearch.settings.installation import load_installation


def deployer() -> None:
    """Run index servers for all indexes of the repository, until SIGTERM."""
    log_to_stderr()
    stop = stop_on_signals()
    heartbeat = Heartbeat()
    heartbeat.start()
    LocalDeployer(load_installation(makes=True)).run(stop, heartbeat.progress)
