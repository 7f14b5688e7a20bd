"""Generates the wire's modules: ``python -m index_grpc.wire.generate``.

They are committed, so that installing needs no compiler; a test generates them anew and
compares, so that they can't drift from ``index.proto``.
"""

import os
import subprocess
import sys
from pathlib import Path

PROTO = Path("index_grpc/wire/index.proto")
GENERATED = ("index_pb2.py", "index_pb2.pyi", "index_pb2_grpc.py", "index_pb2_grpc.pyi")


def generate(out: Path) -> None:
    """Write the generated modules below ``out``, as ``index_grpc/wire/…``."""
    root = Path(__file__).resolve().parents[2]
    arguments = [f"--{kind}_out={out}" for kind in ("python", "mypy", "grpc_python", "mypy_grpc")]
    # protoc looks for its plugins on PATH; those of this environment come first.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{root}", *arguments, str(PROTO)],
        check=True,
        cwd=root,
        env={**os.environ, "PATH": path},
    )


if __name__ == "__main__":
    generate(Path(__file__).resolve().parents[2])
