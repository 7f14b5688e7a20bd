"""The trail tells who signed the image that answers."""

from pathlib import Path

from index_grpc.serving.opening import open_desk
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.settings.settings import Settings
from photosearch_operations.explain.explain import explain
from photosearch_operations.explain.trail import TrailStep
from tests.assets.conftest import Shop
from tests.erasure.conftest import DAY
from tests.erasure.servers import announce
from tests.explain.test_explain import PHOTO, imaged
from tests.oci.keys import make_key


def signature(settings: Settings) -> TrailStep:
    [photo] = explain(settings, PHOTO).photos
    assert photo.served
    [step] = [step for step in photo.steps if step.name == "signature"]
    return step


def test_a_signature_is_told_by_its_key_or_as_missing_or_as_anothers(
    made: Shop, tmp_path: Path
) -> None:
    image = imaged(announce(made, DAY), made).image
    private, public = make_key(tmp_path)
    _, other = make_key(tmp_path, "other")
    signing = made.settings.model_copy(update={"signing_key": private})
    trusting = made.settings.model_copy(update={"trusted_keys": (public,)})
    [photo] = explain(made.settings, PHOTO).photos
    assert "signature" not in [step.name for step in photo.steps]

    unsigned = signature(signing)
    refused = signature(trusting)
    reconcile_servings(signing)
    signed = signature(trusting)
    by_other = signature(made.settings.model_copy(update={"trusted_keys": (other,)}))
    gone = signature(made.settings.model_copy(update={"trusted_keys": (tmp_path / "gone",)}))

    assert (unsigned.found, unsigned.agrees) == ("no signature", None)
    assert (refused.found, refused.agrees, refused.why_not) == (image, False, "no signature")
    assert signed.agrees
    assert signed.found.startswith(f"signed by {public} (sha256 ")
    assert by_other.agrees is False
    assert "by another key" in str(by_other.why_not)
    assert "no such file" in str(gone.why_not)
    [asked] = open_desk(made.settings).asked().values()
    assert asked.image == image
