"""Whether a process with an address answers at all, asked without waiting for it.

Apart from the rule of silence: what beats has no address, and needs no HTTP client for it.
"""

import threading
import time
from concurrent.futures import Future
from contextlib import suppress

import httpx

ASK_EVERY_S = 5.0
ANSWER_WITHIN_S = 10.0


class Question:
    """Asks a URL again and again, each time in a thread of its own, so that nobody waits."""

    def __init__(self, url: str) -> None:
        """``url``: of this machine."""
        self._url = url
        self._asked: Future[int] | None = None
        self._ask_at = 0.0
        #: What came of the last question that brought no answer.
        self.trouble: str | None = None

    def status(self, every_s: float) -> int | None:
        """The status of an answer that has just come, and asks anew ``every_s`` later."""
        status = None
        if self._asked is not None:
            if not self._asked.done():
                return None
            status, self._asked = self._told(self._asked), None
            self._ask_at = time.monotonic() + every_s
        if time.monotonic() >= self._ask_at:
            self._asked = Future()
            asking = threading.Thread(target=self._ask, args=[self._asked], daemon=True)
            with suppress(RuntimeError):  # no thread to be had now
                asking.start()
                return status
            self._asked = None
        return status

    def _ask(self, asked: "Future[int]") -> None:
        try:
            # Not by a proxy of the environment, which has no business on this machine; and
            # without the certificates, whose reading takes longer than the question.
            with httpx.Client(trust_env=False, verify=False, timeout=ANSWER_WITHIN_S) as client:
                asked.set_result(client.get(self._url).status_code)
        except Exception as error:  # also of a URL that is none: the thread must end with a word
            asked.set_exception(error)

    def _told(self, asked: "Future[int]") -> int | None:
        error = asked.exception()
        if error is None:
            self.trouble = None
            return asked.result()
        self.trouble = str(error) or type(error).__name__
        return None
