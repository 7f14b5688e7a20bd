"""Index servers as they announce themselves, without the server."""

import os
from datetime import UTC, datetime

from index_grpc.serving.desk import Endpoint, EndpointWindow
from index_grpc.serving.endpoints import EndpointFolder
from index_grpc.serving.local_process import name_process
from photosearch.repository.addresses import Address
from photosearch.windows import Window
from photosearch_assets.steps.context import StepContext
from tests.assets.conftest import Shop


def announce(shop: Shop, *windows: Window, name: str = "pack", pid: int = 0) -> Endpoint:
    """An endpoint file as of a server that holds the windows' current versions."""
    with StepContext(shop.settings) as context:
        manifests = [
            context.repository.current(Address.index(context.fingerprint, window))
            for window in windows
        ]
        endpoint = Endpoint(
            serving=name,
            address="127.0.0.1:1",
            fingerprint=context.fingerprint,
            quantiser=None,
            windows=tuple(
                EndpointWindow(window=str(m.window), version=m.version, rows=m.rows)
                for m in manifests
                if m is not None
            ),
            process=name_process(pid or os.getpid()),
            ready_at=datetime.now(UTC),
        )
    EndpointFolder(shop.settings.endpoints_dir).announce(endpoint)
    return endpoint
