"""Whether all that runs from these stores is known here, before anything is deleted.

Versions and images stay because a Serving needs them. What can't be read, and a desk that is not
here, say nothing of what they need: then nothing may be deleted at all.
"""

from index_grpc.serving.desk import DeskError, ServingDesk
from index_grpc.serving.desk_notes import LATELY, DeskNotes
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.contents import serving_images
from photosearch.oci.opening import open_registry
from photosearch.repository.storage.port import Storage
from photosearch.settings.settings import Settings
from photosearch.terminal.wording import first_of

_OPTION = "'photosearch gc --forget-other-desks'"


def require_known_desks(
    settings: Settings, storage: Storage | None, *, forget_others: bool, dry_run: bool
) -> None:
    """See that the Servings of this ``state_dir`` can be read and are all there are.

    ``storage`` is the model repository's, if there is one. With ``forget_others`` the desks of
    other machines are noted no longer.

    Raises:
        DeskError: if something can't be read, or others use these stores.
        PhotosearchError: if a store does not answer.
    """
    desk = open_desk(settings)
    desk.asked(strict=True)
    desk.let_go_of(strict=True)
    desk.endpoints.read(strict=True)
    if storage is not None:
        notes = DeskNotes(storage)
        others = notes.others(desk)
        if forget_others and not dry_run:
            notes.forget(others)
        elif others and not forget_others:
            raise DeskError(
                "others serve from the same stores, and what they need is not known here",
                found=first_of(others, 3, "; "),
                limit=f"no other state_dir within {LATELY.days} days",
                remedy=f"run it there; if nothing runs there any more, {_OPTION}",
            )
    if not forget_others:
        _require_asker(settings, desk)


def _require_asker(settings: Settings, desk: ServingDesk) -> None:
    """Images that are there were asked for somewhere; a former release noted no desks."""
    if desk.is_there():
        return
    images = sum(1 for _ in serving_images(open_registry(settings)))
    if images:
        raise DeskError(
            f"nothing was ever asked for in {settings.state}; others may serve from these stores",
            found=f"{images} serving images",
            limit="none",
            remedy=f"run it where Servings are asked for; if there is no such place, {_OPTION}",
        )
