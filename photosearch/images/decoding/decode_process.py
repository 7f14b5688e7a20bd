"""The parent's side of a process that decodes: start it, ask it, end it, say why it ended."""

import json
import os
import socket
import subprocess
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photosearch.errors import PhotosearchError
from photosearch.images.decoding.decode_worker import LENGTHS, receive
from photosearch.images.photo_error import PhotoError
from photosearch.processes.child import how_it_ended

_START_S = 60.0
#: A photo takes CPU seconds at most; a process that does nothing at all for so long is stuck.
STUCK_S = 120.0


class DecoderGone(PhotosearchError):
    """A process that decoded has ended; ``signal`` is what ended it, 0 if it ended by itself."""

    signal = 0


class DecodeProcess:
    """One process; one photo at a time. Any thread may end it."""

    def __init__(self, memory_bytes: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # -P: modules in the current folder must not shadow the installed ones.
                [
                    *(sys.executable, "-P", "-m", "photosearch.images.decoding.decode_worker"),
                    *(str(theirs.fileno()), str(memory_bytes)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        self._connection = ours
        self._connection.settimeout(_START_S)
        self._is_ready = False
        #: Nothing was decoded in it, so all the memory that it may have is free.
        self.is_fresh = True

    @property
    def pid(self) -> int:
        return self._process.pid

    def decode(self, photo: bytes, cpu_s: float, **asked: Any) -> NDArray[np.uint8]:
        """The photo's pixels, uint8 [height, width, 3]; see :func:`decode_photo`.

        Raises:
            PhotoError: if it is not usable.
            MemoryError: if it takes more memory than the process may have.
            DecoderGone: if the process ended over it.
        """
        about = json.dumps({"cpu_s": cpu_s, **asked}).encode()
        view = memoryview(photo)
        self.is_fresh = False
        try:
            self.wait_until_ready()
            self._connection.sendall(LENGTHS.pack(len(about), view.nbytes) + about)
            self._connection.sendall(view)
            answer, pixels = self._answer()
        except OSError as error:
            raise self.buried() from error
        if "shape" in answer:
            return np.frombuffer(pixels, np.uint8).reshape(answer["shape"])
        if "memory" in answer:
            raise MemoryError
        if "fault" in answer:
            raise RuntimeError(answer["fault"])
        what = answer.pop("what")
        raise PhotoError(what, **answer)

    def end(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()

    def buried(self) -> DecoderGone:
        """End it and give back what it held; the error says what it ended of."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._connection.close()
        try:
            code = self._process.wait(1.0)  # one that ended by itself says why
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        gone = DecoderGone(
            "the process that decodes photos ended",
            found=how_it_ended(code),
        )
        gone.signal = max(0, -code)
        return gone

    def wait_until_ready(self) -> None:
        """Wait until it has started.

        Raises:
            OSError: if it does not.
        """
        if not self._is_ready:
            if receive(self._connection, 1) is None:
                raise ConnectionResetError
            self._connection.settimeout(STUCK_S)
            self._is_ready = True

    def _answer(self) -> tuple[dict[str, Any], bytearray]:
        lengths = receive(self._connection, LENGTHS.size)
        if lengths is None:
            raise ConnectionResetError
        said, pixels = (receive(self._connection, length) for length in LENGTHS.unpack(lengths))
        if said is None or pixels is None:
            raise ConnectionResetError
        answer: dict[str, Any] = json.loads(said)
        return answer, pixels
