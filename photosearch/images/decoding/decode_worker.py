"""The process that decodes one stranger's photo after another, and can be ended at any time.

It speaks over a socket that it inherits: a photo in, its reduced pixels or the four parts of an
error out. Nothing that it says is run, so a decoder that was taken over by a photo gains a
process that holds no file, no secret and no connection of its parent's.

The kernel ends it, whatever code it is in: after the photo's CPU seconds (the profiling timer,
whose signal nobody handles), when it wants more memory than it may (the allocation fails), and
with its parent (the pipe on its standard input signals when the other end closes).
"""

import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import AvifImagePlugin, Image

from photosearch.errors import PhotosearchError
from photosearch.images.decode import decode_photo

# A request: how long its JSON and its photo are. An answer: how long its JSON and its pixels are.
LENGTHS = struct.Struct("!II")


def main() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    _die_with_the_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    Image.init()
    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    _bound_memory(int(sys.argv[2]))
    connection.sendall(b"!")
    # What decoders print of strangers' bytes is nobody's to read.
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    while True:
        lengths = receive(connection, LENGTHS.size)
        if lengths is None:
            return
        about, photo = (receive(connection, length) for length in LENGTHS.unpack(lengths))
        if about is None or photo is None:
            return
        answer, pixels = _answer(json.loads(about), bytes(photo))
        del photo
        said = json.dumps(answer).encode()
        connection.sendall(LENGTHS.pack(len(said), len(pixels)) + said)
        connection.sendall(pixels)


def receive(connection: socket.socket, length: int) -> bytearray | None:
    """The next ``length`` bytes; None if the other end closes before."""
    content = bytearray(length)
    view, had = memoryview(content), 0
    while had < length:
        count = connection.recv_into(view[had:])
        if not count:
            return None
        had += count
    return content


def _answer(asked: dict[str, Any], photo: bytes) -> tuple[dict[str, Any], bytes | memoryview]:
    signal.setitimer(signal.ITIMER_PROF, asked.pop("cpu_s"))
    try:
        pixels = decode_photo(photo, **asked)
    except PhotosearchError as error:
        parts = {"found": error.found, "limit": error.limit, "remedy": error.remedy}
        return {"what": error.what, **parts}, b""
    except MemoryError:
        return {"memory": True}, b""
    except Exception as error:  # a fault of ours, which must not end the others' photos
        return {"fault": f"{type(error).__name__}: {error}"}, b""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return {"shape": pixels.shape}, np.ascontiguousarray(pixels).data.cast("B")


def _bound_memory(size_bytes: int) -> None:
    """Let this process have ``size_bytes`` more than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    most = pages * resource.getpagesize() + size_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # if the machine runs out of memory, this process goes first
        Path("/proc/self/oom_score_adj").write_text("900")
    with suppress(OSError, AttributeError):  # give freed memory back instead of keeping it
        ctypes.CDLL(None).mallopt(-1, 1 << 20)


def _die_with_the_parent() -> None:
    leash = sys.stdin.fileno()
    # The default of SIGIO is the end. PR_SET_PDEATHSIG would come with the end of the *thread*
    # that started this process.
    fcntl.fcntl(leash, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(
        leash, fcntl.F_SETFL, fcntl.fcntl(leash, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK
    )
    with suppress(BlockingIOError):
        os.read(leash, 1)
        os._exit(0)  # it closed before


if __name__ == "__main__":
    main()
