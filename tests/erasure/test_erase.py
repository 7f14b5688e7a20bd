"""An erased listing is nowhere, everything else is as if it had never been there."""

from pathlib import Path

from photosearch.catalogue.catalogue import Catalogue
from photosearch.repository.addresses import Kind
from photosearch_assets.erasure.erase import Erasure, ErasureOptions
from photosearch_assets.steps.context import StepContext
from tests.assets.conftest import Shop
from tests.erasure.conftest import due, make_all

GONE = "p3.png"


def erase(shop: Shop, listing: str = GONE, **options: object) -> Erasure:
    work = Erasure(shop.settings, listing, ErasureOptions(**options))  # type: ignore[arg-type]
    work.run()
    return work


def heads(shop: Shop) -> dict[str, str]:
    """Every current version, by kind and window."""
    with StepContext(shop.settings) as context:
        return {
            f"{kind} {window}": version
            for kind in (Kind.EMBEDDINGS, Kind.INDEX)
            for window, version in context.repository.heads(context.fingerprint, kind).items()
        }


def files_with(folder: Path, text: str) -> list[str]:
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]


def test_what_is_left_is_what_the_steps_make_of_a_shop_that_never_had_it(made: Shop) -> None:
    erase(made)
    left = heads(made)
    assert due(made).is_empty

    made.forget()
    with Catalogue.open(made.settings) as catalogue:
        assert GONE not in catalogue.listing_times()
    make_all(made)

    assert heads(made) == left
