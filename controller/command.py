"""``photosearch deployer``: the local deployer in the foreground."""

import logging
import sys

from controller.local import LocalDeployer
from photosearch.settings import load_settings
from photosearch.stop_signals import stop_on_signals


def deployer() -> None:
    """Run index servers for all indexes of the repository, until SIGTERM."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    stop = stop_on_signals()
    LocalDeployer(load_settings()).run(stop)
