"""``photosearch erase``: a listing and its photos gone from everything that was made."""

from typing import Annotated

import typer

from photosearch.repository.erasures import Receipt, receipt_path
from photosearch.settings.installation import load_installation
from photosearch.terminal.terminal import say, say_json
from photosearch.terminal.wording import counted


def erase(
    listing: Annotated[str, typer.Argument(help="The listing's id, as the catalogue has it.")],
    photo_too: Annotated[
        bool, typer.Option("--photo-too", help="Delete its photos from the image store as well.")
    ] = False,
    wait_s: Annotated[
        float,
        typer.Option(
            min=0, max=1e6, help="Seconds to wait for index servers and runs to let it go."
        ),
    ] = 120.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt.")] = False,
) -> None:
    """Erase a listing for ever, from all versions, caches and servers; again: finish that."""
    from photosearch_operations.erasure.erase import Erasure, ErasureOptions

    settings = load_installation(makes=True)
    options = ErasureOptions(photo_too=photo_too, wait_s=wait_s)
    work = Erasure(settings, listing, options, lambda text: say(text, err=True))
    receipt = work.run()
    if as_json:
        say_json(receipt)
    else:
        say(*_in_words(receipt))


def _in_words(receipt: Receipt) -> list[str]:
    return [
        f"erased: {counted(len(receipt.photos), 'photo')} in "
        f"{counted(len(receipt.windows), 'window')}",
        f"deleted: {counted(len(receipt.removed), 'version')}, "
        f"{counted(receipt.cached_photos, 'cached photo')}, "
        f"{counted(len(receipt.images), 'serving image')}, "
        f"{counted(receipt.strips, 'strip')} of photos in Dagster",
        f"source photos: {receipt.source_photos}",
        *receipt.left,
        f"looked at: {', '.join(receipt.looked_at)}",
        *receipt.notes,
        f"receipt: {receipt_path(receipt.listing)} in the model repository; "
        "'photosearch verify' checks it",
    ]
