"""``photosearch index-server``: serve one Serving until SIGTERM.

The deployer starts it; by hand it serves a Serving file just the same. It ends with code 0
after a drain, and with 65 when it refused its files, which then is also written beside the
Serving file.
"""

import ctypes
import faulthandler
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from index_grpc.server.low_priority import LowPriorityWork

_PR_SET_PDEATHSIG = 1


def index_server(
    serving: Annotated[
        Path,
        typer.Option(help="What to serve: a Serving file, or a folder: all that lies in it."),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on; in a container 0.0.0.0.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port; 0: any free one.")] = 0,
    end_with_parent: Annotated[
        bool, typer.Option(help="End when the process that started this one ends (Linux).")
    ] = False,
) -> None:
    """Serve one pack of indexes over gRPC until SIGTERM."""
    faulthandler.enable(all_threads=False)  # a crash in native code says where
    if end_with_parent:
        _end_with_parent()
    # Searches run side by side, and a load beside the server that it will replace: threads of
    # numpy's own would be in their way. Read when numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    imports = LowPriorityWork("imports", _import_what_serves)
    imports.start()
    imports.result()
    from index_grpc.server.announcement import REFUSED, announce, clear, write_refusal
    from index_grpc.server.loading import ServingRefused, load_serving, unpacked_repository
    from index_grpc.server.server import IndexServer, run
    from index_grpc.server.service import LoadedPack
    from index_grpc.serving.serving import read_serving
    from index_grpc.serving.serving_folder import serving_of_folder
    from photosearch.logs.line_format import log_to_stderr
    from photosearch.processes.open_files import allow_open_files
    from photosearch.processes.signals import stop_on_signals
    from photosearch.settings.settings import load_settings

    log_to_stderr()
    stop = stop_on_signals()
    allow_open_files()

    settings = load_settings()
    wanted = serving_of_folder(serving) if serving.is_dir() else read_serving(serving)

    def load() -> LoadedPack:
        repository = unpacked_repository(wanted, settings)
        return load_serving(wanted, repository, recall_target=settings.recall_target)

    # An image's folder is read-only, so a server of one works below state_dir.
    folder = settings.state / "index-server" if serving.is_dir() else serving.resolve().parent
    clear(folder)
    with _temporary_folder(folder / "tmp"):
        server = IndexServer(max_k=settings.max_hits, host=host, port=port)
        announce(folder, server.address)
        try:
            run(server, load, stop)
        except ServingRefused as refused:
            write_refusal(folder, refused.refusal)
            logging.getLogger(__name__).error("%s", refused)
            _end(REFUSED)
    _end(0)


def _import_what_serves() -> None:
    """Import once, at low priority, what takes a third of a second of a core."""
    import index_grpc.index.pack
    import index_grpc.server.loading
    import index_grpc.server.server  # noqa: F401 (imported for those who import it next)


@contextmanager
def _temporary_folder(folder: Path) -> Iterator[None]:
    """Keep temporary files in ``folder``, where a successor finds what a kill -9 left."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end_with_parent() -> None:
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended in between
            sys.exit(0)


def _end(code: int) -> NoReturn:
    """End now: a load under way would hold the interpreter's own end for seconds."""
    logging.shutdown()
    os._exit(code)
