"""Imports run one way, and what is heavy stays out of what must start quickly."""

import subprocess
import sys

import pytest

LIGHT = {
    "photosearch.windows": ("numpy", "sqlalchemy", "pydantic"),
    "photosearch.cover": ("numpy", "sqlalchemy", "pydantic"),
    "index_grpc.server.server": ("dagster", "torch", "fastapi", "sqlalchemy", "onnxruntime"),
    "api.app": ("dagster", "torch", "scann"),
    "controller.local.deployer": ("dagster", "torch", "scann", "fastapi"),
    "photosearch_assets.definitions": ("torch", "scann", "onnxruntime", "kubernetes"),
}


@pytest.mark.parametrize("module", LIGHT)
def test_a_part_does_not_import_what_it_must_do_without(module: str) -> None:
    code = f"import sys, {module}\nprint(*sys.modules)"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr
    assert set(LIGHT[module]) & set(ran.stdout.split()) == set()
