"""The REST API from Python: questions as methods, answers as the models of the border.

An answer may come from an API that is older or newer than this client. Members that are not
known here are passed over, those that an older API lacks have their defaults, and
:attr:`Received.json` is the answer as it came, for whoever passes it on.

Nothing is asked twice: a search has its deadline inside the API, and a client that insists
would take the places of those who wait. When asking again may help, the refusal says when.

Models take milliseconds to build, which a command would wait for: each question loads its own.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from photosearch.client.errors import ApiRefused, ApiUnreachable, NotTheApi
from photosearch.terminal.masked import masked, masked_text

if TYPE_CHECKING:
    from photosearch.rest.search import OnPartial, SearchAnswer
    from photosearch.rest.timeline import Timeline

TIMEOUT_S = 60.0  # between two signs of life: longer than any deadline_s that makes sense
_REMEDY = "name the API's address"

Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True)
class SearchOptions:
    """How much a search answers, and of how much of the time; None leaves it to the API."""

    k: int | None = None
    min_score: float | None = None
    on_partial: "OnPartial | None" = None

    def members(self) -> dict[str, int | float | str]:
        """Those that are given, by their names in a request."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Received(Generic[Answer]):
    """An answer of the API at ``url``: as it came, and as its model."""

    json: dict[str, Any]
    model: type[Answer]
    url: str

    @cached_property
    def answer(self) -> Answer:
        """The answer.

        Raises:
            NotTheApi: if it lacks what every API so far has sent.
        """
        try:
            return self.model.model_validate(self.json)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise NotTheApi(
                f"what {self.url} answers is not known of photosearch's API",
                found=f"{place}: {first['msg']}",
                remedy=_REMEDY,
            ) from error


_AS_THE_API_DOES = SearchOptions()


class Client:
    """Asks one API; used as a context, which keeps its connections."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url.rstrip("/")
        # Not the environment's proxies: the API is on this machine or named by the caller.
        self._http = httpx.Client(trust_env=False, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def search_photo(
        self, photo: bytes, name: str = "photo", options: SearchOptions = _AS_THE_API_DOES
    ) -> "Received[SearchAnswer]":
        """The listings that look like a photo, which errors call by its ``name``.

        Raises:
            ClientError: if there is no answer.
        """
        fields = {member: str(value) for member, value in options.members().items()}
        return self._search(data=fields, files={"photo": (name, photo)})

    def search_listing(
        self, listing_id: str, options: SearchOptions = _AS_THE_API_DOES
    ) -> "Received[SearchAnswer]":
        """More like a listing, without itself.

        Raises:
            ClientError: if there is no answer.
        """
        return self._search(json={"listing_id": listing_id, **options.members()})

    def search_further(
        self, cursor: str, options: SearchOptions = _AS_THE_API_DOES
    ) -> "Received[SearchAnswer]":
        """The listings that follow those of the answer with this cursor.

        Raises:
            ClientError: if there is no answer.
        """
        return self._search(json={"cursor": cursor, **options.members()})

    def windows(self) -> "Received[Timeline]":
        """Which windows are ready, and which answer now.

        Raises:
            ClientError: if there is no answer.
        """
        from photosearch.rest.timeline import Timeline

        return Received(self._ask("GET", "/v1/windows"), Timeline, masked(self._url))

    def _search(self, **body: Any) -> "Received[SearchAnswer]":
        from photosearch.rest.search import SearchAnswer

        sent = self._ask("POST", "/v1/search", **body)
        return Received(sent, SearchAnswer, masked(self._url))

    def _ask(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, self._url + path, **body)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise ApiUnreachable(
                f"the API does not answer at {masked(self._url)}",
                found=masked_text(error) or type(error).__name__,
                remedy="see that it runs, and that this is its address",
            ) from error
        try:
            sent = response.json()
        except ValueError:
            sent = None
        if not isinstance(sent, dict):
            raise self._not_the_api(response)
        if response.is_error:
            raise self._refused(response, sent)
        return sent

    def _refused(self, response: httpx.Response, sent: Mapping[str, Any]) -> ApiRefused | NotTheApi:
        from photosearch.rest.problem import Problem

        status = response.status_code
        members = dict.fromkeys(("found", "limit", "remedy"))
        try:
            problem = Problem.model_validate(
                {
                    "title": response.reason_phrase,
                    **members,
                    **sent,
                    "status": status,
                    "what": sent.get("what") or f"the API answered with status {status}",
                }
            )
        except ValidationError:
            return self._not_the_api(response)
        after = response.headers.get("retry-after", "")
        return ApiRefused(problem, float(after) if after.isdecimal() else None)

    def _not_the_api(self, response: httpx.Response) -> NotTheApi:
        return NotTheApi(
            f"what answers at {masked(self._url)} is not photosearch's API",
            found=f"status {response.status_code}, {response.headers.get('content-type')}",
            remedy=_REMEDY,
        )
