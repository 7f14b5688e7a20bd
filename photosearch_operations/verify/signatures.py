"""Whether the images that are asked for are signed, where signatures are asked for.

An index server looks when it loads, which may be at the next restart; this looks now.
"""

from collections import Counter
from collections.abc import Iterator

from index_grpc.serving.opening import open_desk
from photosearch.errors import PhotosearchError
from photosearch.oci.opening import open_registry
from photosearch.oci.signing.trust import tell_signature
from photosearch.settings.settings import Settings
from photosearch.terminal.wording import counted


def wrong_signatures(settings: Settings, *, looked_at: list[str] | None = None) -> Iterator[str]:
    """One line for each image that is asked for or served and that no trusted key signed.

    Nothing is discarded: an image without signature is signed where it is built.
    ``looked_at`` is told who signed how many.
    """
    if not settings.trusted_keys and settings.signing_key is None:
        return
    desk = open_desk(settings)
    asked = {one.image: one.name for one in desk.asked().values()}
    served = {one.image: one.serving for one in desk.endpoints.read()}
    found: Counter[str] = Counter()
    for image, serving in sorted((served | asked).items(), key=lambda pair: pair[1]):
        if image is None:
            continue
        try:
            signature = tell_signature(settings, open_registry(settings), image)
        except PhotosearchError as error:
            yield f"image {serving} ({image}): its signature can't be verified: {error}"
            continue
        found[signature.told] += 1
        if signature.is_wrong:
            yield (
                f"image {serving} ({image}) is not signed by a trusted key: "
                f"found {signature.told}; 'photosearch materialize' signs it where signing_key "
                "is set, and until then no index server loads it"
            )
    if looked_at is not None:
        looked_at += [f"{counted(count, 'image')} {told}" for told, count in sorted(found.items())]
