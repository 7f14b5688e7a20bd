"""``photosearch deployer``: the local deployer in the foreground."""

import logging
import signal
import sys
import threading

from controller.local import LocalDeployer
from photosearch.settings import load_settings


def deployer() -> None:
    """Run index servers for all indexes of the repository, until SIGTERM."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    LocalDeployer(load_settings()).run(stop)
