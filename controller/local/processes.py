"""The deployer as a process under ``photosearch up``."""

from controller.local.status import deployer_dir
from photosearch.processes.spec import ProcessSpec, not_installed, photosearch_argv
from photosearch.settings.settings import Settings


def deployer(settings: Settings) -> ProcessSpec:
    """The local deployer; it is ready when it has written its status."""
    return ProcessSpec(
        name="deployer",
        argv=photosearch_argv("deployer"),
        ready_url=None,
        ready_file=deployer_dir(settings) / "status.json",
        beats=True,
        cannot_start=not_installed("index", "grpc", "grpc_health", "grpc_reflection", "scann")
        or (not_installed("signing", "cryptography") if settings.trusted_keys else None),
    )
