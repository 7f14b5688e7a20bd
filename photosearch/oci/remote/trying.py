"""Whether a request that failed is tried again, and when.

Asking does no harm, so it is tried again after a broken connection and a busy answer. What sends
is tried again by who has the content; here only if nothing was sent yet.
"""

import time
from email.utils import parsedate_to_datetime

import httpx
from tenacity import RetryCallState, Retrying, stop_after_attempt

from photosearch.backoff import pause_s

#: What only asks is tried so often in all; what sends is tried again by who has the content.
ATTEMPTS = 5
#: So often is a connection tried, also for what sends: nothing was sent yet.
CONNECTION_ATTEMPTS = 3
#: Answers of who is there and can't do it now.
BUSY = (429, 500, 502, 503, 504)
#: The first is none; this one doubles.
_SECOND_PAUSE_S = 0.6
#: A registry's wish for a pause is granted up to this.
LONGEST_PAUSE_S = 30


class NoAnswer(httpx.TransportError):
    """No answer came, or no end of it."""


class NoConnection(NoAnswer):
    """Nothing could be sent."""


class AnswerTooLong(NoAnswer):
    """More came than any answer has."""


class TlsFailed(httpx.TransportError):
    """Whoever answers is not trusted, or speaks no TLS."""


def _is_worth_it(state: RetryCallState) -> bool:
    """Whether another try may be answered, and does no harm."""
    request, outcome = state.args[0], state.outcome
    assert outcome is not None
    only_asks = request.method in ("GET", "HEAD")
    error = outcome.exception()
    if isinstance(error, NoConnection):
        return state.attempt_number < CONNECTION_ATTEMPTS
    if error is not None:
        return only_asks and isinstance(error, NoAnswer)
    return only_asks and outcome.result().status_code in BUSY


def _pause(state: RetryCallState) -> float:
    """As the registry wishes; else at once, then ever longer."""
    assert state.outcome is not None
    wished = None
    if not state.outcome.failed:
        wished = _wished_pause(state.outcome.result().headers.get("Retry-After", ""))
    return pause_s(state.attempt_number - 1, _SECOND_PAUSE_S) if wished is None else wished


def _wished_pause(told: str) -> float | None:
    if told.isascii() and told.isdecimal():
        wished = float(told[:9])
    else:
        try:
            wished = parsedate_to_datetime(told).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return min(max(wished, 0.0), LONGEST_PAUSE_S)


def _give_up_answer(state: RetryCallState) -> None:
    assert state.outcome is not None
    if not state.outcome.failed:
        state.outcome.result().close()  # not read to its end, which may be never


def _last(state: RetryCallState) -> httpx.Response:
    assert state.outcome is not None
    answer: httpx.Response = state.outcome.result()
    return answer


TRYING = Retrying(
    retry=_is_worth_it,
    wait=_pause,
    stop=stop_after_attempt(ATTEMPTS),
    before_sleep=_give_up_answer,
    retry_error_callback=_last,
)
