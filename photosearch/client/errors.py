"""Why there is no answer: the API is not there, it is something else, or it refuses."""

from typing import TYPE_CHECKING

from photosearch.errors import PhotosearchError

if TYPE_CHECKING:
    from photosearch.rest.problem import Problem


class ClientError(PhotosearchError):
    """The API was asked in vain."""


class ApiUnreachable(ClientError):
    """Nothing answers at the API's address, or not in time."""


class NotTheApi(ClientError):
    """What answers is not photosearch's API, or none whose answers are known here."""


class ApiRefused(ClientError):
    """The API's own problem, whose four members are the error's.

    ``retry_after_s`` tells when asking again may help, where the API says so.
    """

    def __init__(self, problem: "Problem", retry_after_s: float | None = None) -> None:
        super().__init__(
            problem.what, found=problem.found, limit=problem.limit, remedy=problem.remedy
        )
        self.problem = problem
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.problem, self.retry_after_s))
