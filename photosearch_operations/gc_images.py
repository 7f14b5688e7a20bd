"""Serving images that nobody asks for any more.

Every new hour makes an image and leaves the last one behind. An image goes when no Serving
asks for it or did within the grace period, no server was started from it, and it is older than
that: until then a rollback finds it. Whatever goes can be built again from the repository.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from index_grpc.serving.desk import ServingDesk
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.contents import ServingImage, serving_images
from photosearch.oci.layout.garbage import collect_garbage
from photosearch.oci.opening import open_registry
from photosearch.oci.signing.signatures import unneeded_signatures
from photosearch.settings.settings import Settings


def unneeded_images(
    settings: Settings, grace: timedelta, *, dry_run: bool, tell: Callable[[str], None]
) -> Iterator[tuple[str, int, str]]:
    """Delete such images, then in a folder the blobs that no image has: what, bytes, why.

    ``tell`` hears of tags that are not understood, and stay.

    Raises:
        RegistryRefused: if the registry does not answer, or deletes nothing.
        DeskError: if it can't be told which are needed.
    """
    registry, desk = open_registry(settings), open_desk(settings)
    oldest = datetime.now(UTC) - grace
    gone: set[str] = set()
    digests: set[str] = set()
    kept: set[str] = set()
    images = serving_images(registry, lambda tag, why: tell(f"tag {tag} stays: {why}"))
    for image in list(images):
        if _is_needed(desk, image, oldest) or _is_young(image, oldest):
            kept.add(image.digest)
            continue
        if not dry_run:
            with registry.lock(f"image/{image.tag}"):
                if _is_needed(desk, image, oldest):  # asked for meanwhile
                    kept.add(image.digest)
                    continue
                registry.delete(image.tag)
        gone.add(image.tag)
        digests.add(image.digest)
        # Its layers may be those of others: their bytes are told when they go.
        yield f"image {image.tag}", 0, "no Serving asks for it"
    for tag in list(unneeded_signatures(registry, digests - kept)):
        if not dry_run:
            registry.delete(tag)
        gone.add(tag)
        yield f"signatures {tag}", 0, "their image is gone"
    for blob in collect_garbage(registry, grace=grace, dry_run=dry_run, without=gone):
        yield f"blob {blob.digest}", blob.size, "no image has it"
    if not dry_run:
        _forget_let_go(desk, oldest)


def _forget_let_go(desk: ServingDesk, oldest: datetime) -> None:
    """Whoever ran a Serving removes it. Where nobody runs any, they would stay for ever."""
    running = {endpoint.serving for endpoint in desk.endpoints.read()}
    for name, serving in desk.let_go_of().items():
        if serving.let_go_at < oldest and name not in running:
            desk.remove(name)


def _is_needed(desk: ServingDesk, image: ServingImage, oldest: datetime) -> bool:
    """Whether it is asked for, or was within the grace period, or a server came from it."""
    asked = {serving.image for serving in desk.asked(strict=True).values()}
    let_go = {one.image for one in desk.let_go_of(strict=True).values() if one.let_go_at >= oldest}
    running = {endpoint.image for endpoint in desk.endpoints.read(strict=True)}
    return image.digest in asked | let_go | running


def _is_young(image: ServingImage, oldest: datetime) -> bool:
    return image.created_at is not None and image.created_at >= oldest
