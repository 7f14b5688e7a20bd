"""What a stranger is told of an error that is not the stranger's.

The errors of the lower floors are written for whoever runs the service: they name folders,
buckets, databases and the addresses of index servers. A stranger has no use for them, and an
attacker has. So the answer says which part can't be used, the log says the rest under the
request's id, and where an operator's text is shown on a page that all may read (what can't be
served, why the API is not ready), the places are taken out of it.
"""

import re

from api.problems.problems import ApiProblem
from index_grpc.errors import IndexGrpcError, WindowNotHeld
from index_grpc.server.wire_errors import DeadlinePassed, ForeignFingerprint, ServerUnavailable
from index_grpc.serving.not_served import read_troubles
from photosearch.catalogue.schema import CatalogueError
from photosearch.embedder.errors import EmbedderError
from photosearch.errors import PhotosearchError
from photosearch.images.photo_error import ImageStoreError, PhotoUnreachable
from photosearch.object_store import StoreUnreachable
from photosearch.repository.errors import RepositoryError
from photosearch.rest.timeline import Trouble
from photosearch.settings.settings import Settings

_PARTS: tuple[tuple[type[PhotosearchError], str, str], ...] = (
    (PhotoUnreachable, "photo-unreachable", "the shop's photo can't be had now"),
    (ImageStoreError, "unavailable", "the shop's photos can't be had now"),
    (CatalogueError, "unavailable", "the catalogue can't be read now"),
    (RepositoryError, "unavailable", "the models can't be read now"),
    (EmbedderError, "unavailable", "the models can't be read now"),
    (StoreUnreachable, "unavailable", "a store can't be reached now"),
)
_FAILURES: tuple[tuple[type[IndexGrpcError], str], ...] = (
    (DeadlinePassed, "it did not answer in time"),
    (ServerUnavailable, "it does not answer"),
    (WindowNotHeld, "it does not hold the window"),
    (ForeignFingerprint, "it holds the vectors of another embedder"),
)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\",;)>]+", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w.:/…])/(?:[^\s/'\",;:)>]+/)+")
_ADDRESS = re.compile(r"\b(?:ipv[46]:)?\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\[[0-9a-f:.]+\](?::\d+)?")


def public_problem(error: PhotosearchError, request_id: str) -> ApiProblem:
    """503 for an error of the lower floors, without its details; the log has them under the id."""
    kind, what = next(
        ((kind, what) for part, kind, what in _PARTS if isinstance(error, part)),
        ("unavailable", "a part of the service can't be used now"),
    )
    return ApiProblem(
        503,
        kind,
        what,
        found=f"request {request_id}",
        remedy="try again in a moment; the API's log tells more under this request's id",
        headers={"Retry-After": "5"},
    )


def public_failure(error: IndexGrpcError) -> str:
    """Why an index server did not answer, without where it is."""
    return next((words for kind, words in _FAILURES if isinstance(error, kind)), "it failed")


def public_troubles(settings: Settings) -> list[Trouble]:
    """What can't be served, without where its files are (blocking)."""
    return [
        one.model_copy(update={"reason": without_places(one.reason, settings)})
        for one in read_troubles(settings)
    ]


def without_places(text: str, settings: Settings) -> str:
    """An operator's text without folders, URLs and addresses; a file's name stays."""
    stores = (settings.photos_url, settings.models_url, settings.registry_url)
    places = {
        *(str(folder) for folder in (settings.base_dir, settings.base_dir.resolve())),
        str(settings.state),
        *(store for store in stores if store and "://" not in store),
    }
    for place in sorted(places, key=len, reverse=True):
        if len(place) > 1:
            text = text.replace(place, "…")
    for pattern, instead in ((_URL, "…"), (_PATH, "…/"), (_ADDRESS, "…")):
        text = pattern.sub(instead, text)
    return text
