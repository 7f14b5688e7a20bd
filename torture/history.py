"""What must be true of an installation when it has come to rest, whatever it went through.

Nothing is lost, nothing is doubled, nothing is shown that was erased, and no command says that
all is well while one of these is not so.
"""

from collections.abc import Iterator

import httpx

from torture.shop import Api, Shop

TRIES = 5
SCORE = 0.98


def faults(shop: Shop) -> Iterator[str]:
    """Let it come to rest, then look at everything; a line for each fault."""
    if shop.run("init", "--photos", "photos") != 0:
        yield "init does not end well"
    for _ in range(TRIES):
        if shop.run("materialize") == 0:
            break
    else:
        yield f"materialize does not end well in {TRIES} tries"
    with shop.running() as api:
        # An erasure waits for what servers announced, which only a deployer takes back.
        for listing in shop.erased:
            if shop.run("erase", listing) != 0:
                yield f"the erasure of {listing} does not end well at rest"
        yield from shown(shop, api)
    code, said = shop.said("verify")
    if code != 0:
        yield f"verify is not content: {said.strip().splitlines()[-1]}"
    code, said = shop.said("materialize")
    if code != 0 or "up to date" not in said:
        yield "materialize finds work after it was done"


def shown(shop: Shop, api: Api) -> Iterator[str]:
    """What searches answer, photo by photo; a line for each fault."""
    for listing, photo in shop.live.items():
        yield from _of_one(shop, api, listing, photo)
    for listing, photo in shop.erased.items():
        try:
            found = [one["listing_id"] for one in api.search(photo)["results"]]
        except httpx.HTTPError as error:
            yield f"no answer to the photo of {listing}, which was erased: {error}"
        else:
            if listing in found:
                yield f"{listing} was erased and is shown"


def _of_one(shop: Shop, api: Api, listing: str, photo: bytes) -> Iterator[str]:
    try:
        answer = api.search(photo)
    except httpx.HTTPError as error:
        yield f"no answer to the photo of {listing}: {error}"
        return
    found = [one["listing_id"] for one in answer["results"]]
    if not found or found[0] != listing or answer["results"][0]["score"] < SCORE:
        told = "the answer says that it is complete" if answer["coverage"]["complete"] else "told"
        yield f"{listing} is not found by its own photo, but {found[:1]} ({told})"
    if len(set(found)) != len(found):
        yield f"a listing is there twice: {found}"
    if shown_though_erased := shop.erased.keys() & set(found):
        yield f"shown though erased: {sorted(shown_though_erased)}"
