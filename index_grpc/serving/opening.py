"""Which desk the settings mean."""

from index_grpc.serving.desk import ServingDesk
from index_grpc.serving.desk_folder import FolderDesk
from index_grpc.serving.endpoints import EndpointFolder
from photosearch.settings.settings import Settings


def open_desk(settings: Settings) -> ServingDesk:
    """The desk of this installation; nothing is made or read yet."""
    return FolderDesk(settings.servings_dir, EndpointFolder(settings.endpoints_dir))
