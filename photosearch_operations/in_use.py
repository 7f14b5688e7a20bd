"""Which versions running index servers hold, so that gc lets them be.

A server has its pack in memory, but one that dies is started again from the same files.
"""

from collections.abc import Iterable

from index_grpc.serving.desk import Endpoint
from index_grpc.serving.opening import open_desk
from photosearch.repository.addresses import Address, ArtifactKey
from photosearch.settings.settings import Settings


def versions_in_use(settings: Settings, *, strict: bool = False) -> set[ArtifactKey]:
    """Address and version of every index and quantiser that an announced server holds."""
    return versions_held_by(open_desk(settings).endpoints.own(strict=strict))


def versions_held_by(endpoints: Iterable[Endpoint]) -> set[ArtifactKey]:
    """The same of these servers."""
    found = set()
    for endpoint in endpoints:
        if endpoint.quantiser is not None:
            found.add((Address.quantisers(endpoint.fingerprint), endpoint.quantiser))
        for held in endpoint.windows:
            address = Address.index(endpoint.fingerprint, held.window)
            found.add((address, held.version))
    return found
