"""Which versions running index servers hold, so that gc lets them be.

A server has its pack in memory, but one that dies is started again from the same files.
"""

from collections.abc import Iterator

from index_grpc.serving.endpoints import endpoints_here
from photosearch.repository.addresses import Address
from photosearch.settings.settings import Settings
from photosearch.windows import Window


def held_versions(settings: Settings) -> Iterator[tuple[Address, str]]:
    """Address and version of every index and quantiser that an announced server holds."""
    for endpoint in endpoints_here(settings.endpoints_dir):
        if endpoint.quantiser is not None:
            yield Address.quantisers(endpoint.fingerprint), endpoint.quantiser
        for held in endpoint.windows:
            yield Address.index(endpoint.fingerprint, Window.parse(held.window)), held.version
