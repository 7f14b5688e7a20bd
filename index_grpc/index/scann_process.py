"""The step's side of the ScaNN worker: start it, ask it, notice its death.

One worker serves many requests, for importing ScaNN costs more than encoding a small hour.
When it dies the request fails with an error that names its input and what the worker last
said, and the next request gets a new worker.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from typing import IO, Any

from index_grpc.errors import WorkerDied
from photosearch.closing import Closing
from photosearch.extras import extras_named
from photosearch.processes.child import how_it_ended

_LAST_WORDS_BYTES = 600


class ScannProcess(Closing):
    """A worker process, started at the first request and again after each death."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[bytes] | None = None

    def ask(self, what: str, **request: object) -> dict[str, Any]:
        """Send one request and wait for its answer; ``what`` names its input in errors.

        Raises:
            WorkerDied: if the process ended, or ScaNN refused.
            MissingExtra: if it is not installed.
        """
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise self._buried(what)
        answer: dict[str, Any] = json.loads(line)
        if "missing" in answer:
            with extras_named():
                raise ModuleNotFoundError(answer["error"], name=answer["missing"])
        if "error" in answer:
            raise WorkerDied(f"ScaNN can't use {what}", found=answer["error"])
        return answer

    @property
    def pid(self) -> int | None:
        """The running worker's process id."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the worker; a later request starts another."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(BrokenPipeError):  # it died unseen between two requests
                process.stdin.close()
            process.wait()
            process.stdout.close()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is not None:
            self.close()  # died between two requests: nobody's input is to blame
        if self._process is None:
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "index_grpc.index.scann_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                encoding="utf-8",
            )
        return self._process

    def _buried(self, what: str) -> WorkerDied:
        assert self._process is not None
        assert self._log is not None
        code = self._process.wait()
        self._log.seek(max(0, self._log.seek(0, 2) - _LAST_WORDS_BYTES))
        words = self._log.read().decode(errors="replace").strip()
        self.close()
        return WorkerDied(
            f"the ScaNN process died over {what}",
            found=f"{how_it_ended(code)}; its last words: {words}",
        )
