"""The code location: what Dagster loads. It only composes."""

import warnings
from pathlib import Path

import dagster as dg

import photosearch_assets.defs
from photosearch.extras import missing_extra
from photosearch_assets.errors import AssetsError


def load() -> dg.Definitions:
    """All definitions under ``defs/``, with a team's own steps.

    Raises:
        AssetsError: if those can't be used.
        MissingExtra: if a part that they need is not installed.
    """
    try:
        return _load()
    except Exception as error:  # Dagster wraps ours in a page of its own about component files
        fault: BaseException | None = error
        while fault is not None and not isinstance(fault, AssetsError):
            fault = fault.__cause__ or fault.__context__
        raise (fault or missing_extra(error) or error) from None


def _load() -> dg.Definitions:
    with warnings.catch_warnings():
        # Dagster 1.13 reads component files by a deprecated call of pydantic, and adds to
        # assets what it itself calls beta.
        warnings.simplefilter("ignore")
        tree = dg.ComponentTree.from_module(
            photosearch_assets.defs, project_root=Path(photosearch_assets.defs.__file__).parent
        )
        return tree.build_defs()


defs = load()
