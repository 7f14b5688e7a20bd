"""The code location: what Dagster loads. It only composes."""

import warnings
from pathlib import Path

import dagster as dg

import photosearch_assets.defs


def load() -> dg.Definitions:
    """All definitions under ``defs/``."""
    with warnings.catch_warnings():
        # Dagster 1.13 reads component files by a deprecated call of pydantic, and adds to
        # assets what it itself calls beta.
        warnings.simplefilter("ignore")
        tree = dg.ComponentTree.from_module(
            photosearch_assets.defs, project_root=Path(photosearch_assets.defs.__file__).parent
        )
        return tree.build_defs()


defs = load()
