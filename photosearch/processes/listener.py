"""What a supervised process lets its supervisor hear: answers of its URL, or heartbeats."""

import os

from photosearch.processes.question import ASK_EVERY_S, Question
from photosearch.processes.spec import ProcessSpec

ASK_WHETHER_READY_EVERY_S = 0.2


class Listener:
    """Listens to one run of a process; of a spec that promises nothing it hears always."""

    def __init__(self, spec: ProcessSpec) -> None:
        self._spec = spec
        self._question = None if spec.ready_url is None else Question(spec.ready_url)
        self._heart, beats = os.pipe()
        os.set_blocking(self._heart, False)
        os.set_blocking(beats, False)
        #: The end of the pipe that the process beats on; closed by whoever has given it away.
        self.beats = beats

    @property
    def trouble(self) -> str | None:
        """What came of asking it, if it gave no answer."""
        return None if self._question is None else self._question.trouble

    def hears_that_it_is_ready(self) -> bool:
        """Whether all that its spec names has come about."""
        if self._spec.ready_file is not None and not self._spec.ready_file.exists():
            return False
        if self._question is not None:
            status = self._question.status(ASK_WHETHER_READY_EVERY_S)
            return status is not None and status < 400
        return self._has_beaten() if self._spec.beats else True

    def hears(self) -> bool:
        """Whether it has given a sign of life since it was asked before."""
        if self._question is not None:  # whatever it answers: it is there
            return self._question.status(ASK_EVERY_S) is not None
        return self._has_beaten() if self._spec.beats else True

    def _has_beaten(self) -> bool:
        try:
            return bool(os.read(self._heart, 1 << 16))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Stop listening."""
        os.close(self._heart)
