"""``photosearch deployer``: the local deployer in the foreground."""

from controller.local import LocalDeployer
from photosearch.heartbeat import Heartbeat
from photosearch.installation import load_installation
from photosearch.logs import log_to_stderr
from photosearch.stop_signals import stop_on_signals


def deployer() -> None:
    """Run index servers for all indexes of the repository, until SIGTERM."""
    log_to_stderr()
    stop = stop_on_signals()
    heartbeat = Heartbeat()
    heartbeat.start()
    LocalDeployer(load_installation(makes=True)).run(stop, heartbeat.progress)
