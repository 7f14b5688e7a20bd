"""An image is believed for a trusted key's signature of its digest, and for nothing else."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from index_grpc.server.loading import ServingRefused, unpacked_repository
from index_grpc.serving.opening import open_desk
from index_grpc.serving.serving import Serving
from index_grpc.shipping.image import build_serving_image
from index_grpc.shipping.reconcile import ServingReconciler
from photosearch.oci.building.build import ImageBuilder
from photosearch.oci.documents import (
    CONFIG,
    Descriptor,
    ImageIndex,
    digest_of,
    parse_document,
    parts_of,
    write_manifest,
)
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.registry import Bytes, ImageRegistry
from photosearch.oci.signing.signatures import (
    PAYLOAD,
    SIGNATURE,
    read_signatures,
    sign,
    signature_tag,
    to_payload,
)
from photosearch.oci.signing.signing_keys import SigningKey, read_signing_key
from photosearch.oci.signing.trust import require_trusted
from photosearch.settings.settings import Settings
from tests.controller.made_repository import MadeRepository
from tests.oci.keys import make_key
from tests.oci.test_bad_input import serving_of

HOUR = "hourly/2026-11-22T00"


@dataclass(frozen=True)
class Keys:
    """Two keys of a shop's, old and new, and a stranger's."""

    folder: Path

    def private(self, name: str) -> SigningKey:
        return read_signing_key(self.folder / f"{name}.pem", self.folder, None)

    def public(self, *names: str) -> tuple[Path, ...]:
        return tuple(self.folder / f"{name}.pub.pem" for name in names)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("old", "new", "stranger"):
        make_key(folder, name)
    return Keys(folder)


@dataclass(frozen=True)
class Shop:
    """An image of one hour, and who serves it."""

    settings: Settings
    builder: ImageBuilder
    made: MadeRepository
    keys: Keys
    serving: Serving
    digest: str

    @property
    def registry(self) -> ImageRegistry:
        return self.builder.registry

    def why_refused(self, *trusted: str, digest: str | None = None) -> str | None:
        """Why an index server does not load it; None if it does."""
        settings = self.settings.model_copy(update={"trusted_keys": self.keys.public(*trusted)})
        image = self.serving.model_copy(update={"image": digest or self.digest})
        try:
            unpacked_repository(image, settings)
        except ServingRefused as refused:
            return refused.refusal.reason
        return None

    def sign(self, name: str) -> bool:
        return sign(self.registry, self.digest, self.keys.private(name))

    def put(self, *signed: tuple[bytes, bytes], kind: str = PAYLOAD) -> None:
        """Put these documents with these signatures, as anyone may who writes to the registry."""
        layers: list[Descriptor] = []
        for payload, signature in signed:
            blob = self.registry.put_blob(Bytes(payload))
            written = {SIGNATURE: base64.b64encode(signature).decode()}
            layers.append(Descriptor(kind, blob.digest, blob.size, written))
        self.put_layers(layers)

    def put_layers(self, layers: Sequence[Descriptor]) -> None:
        config = self.registry.put_blob(Bytes(b"{}"))
        content = write_manifest(Descriptor(CONFIG, config.digest, config.size), layers, {})
        self.registry.put_document(content, tag=signature_tag(self.digest))


@pytest.fixture
def shop(
    settings: Settings,
    builder: ImageBuilder,
    made: MadeRepository,
    keys: Keys,
) -> Shop:
    serving = serving_of(made.hour(HOUR))
    digest = build_serving_image(serving, made.repository, builder).digest
    return Shop(settings, builder, made, keys, serving, digest)


def test_without_trusted_keys_no_signature_is_asked_for(shop: Shop) -> None:
    assert shop.why_refused() is None


def test_an_image_without_signature_is_refused_with_the_reason(shop: Shop) -> None:
    why = shop.why_refused("new")

    assert why is not None
    assert f"the image {shop.digest} is not signed by a trusted key: found no signature" in why
    assert "the limit is a signature by" in why
    assert "new.pub.pem (sha256 " in why
    assert "where signing_key is set" in why
    assert "\n" not in why


def test_an_image_that_a_trusted_key_signed_is_loaded(shop: Shop) -> None:
    assert shop.sign("new")

    assert shop.why_refused("new") is None
    assert shop.why_refused("old", "new") is None


def test_a_signature_by_a_key_that_is_not_trusted_is_refused(shop: Shop) -> None:
    shop.sign("stranger")

    why = shop.why_refused("old", "new")

    assert why is not None
    assert "found a signature by another key" in why


def test_two_keys_sign_side_by_side_and_each_once(shop: Shop) -> None:
    assert [shop.sign(name) for name in ("old", "old", "new", "old", "new")] == [
        *(True, False, True, False, False)
    ]

    assert len(list(read_signatures(shop.registry, shop.digest))) == 2
    assert shop.why_refused("old") is None
    assert shop.why_refused("new") is None
    assert shop.why_refused("stranger") is not None


def test_the_signature_of_another_image_is_refused(shop: Shop) -> None:
    other = serving_of(shop.made.hour("hourly/2026-11-22T01"))
    another = build_serving_image(other, shop.made.repository, shop.builder).digest
    sign(shop.registry, another, shop.keys.private("new"))
    found = shop.registry.document(signature_tag(another))
    assert found is not None
    shop.registry.put_document(found[0], tag=signature_tag(shop.digest))

    why = shop.why_refused("new")

    assert why is not None
    assert f"signed another image: {another}" in why


def test_a_payload_that_was_changed_is_refused(shop: Shop) -> None:
    key = shop.keys.private("new")
    other = to_payload(shop.registry, "sha256:" + "0" * 64)
    shop.put((to_payload(shop.registry, shop.digest), key.sign(other)))

    why = shop.why_refused("new")

    assert why is not None
    assert "of something that was changed since" in why


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"null", b'{"critical":{}}', b"[" * 100_000, b'{"critical":{"type":"another"}}'],
)
def test_a_signed_document_of_another_kind_is_refused(shop: Shop, payload: bytes) -> None:
    shop.put((payload, shop.keys.private("new").sign(payload)))

    assert shop.why_refused("new") is not None


def test_signatures_that_are_none_are_refused_and_signed_anew(shop: Shop) -> None:
    payload = to_payload(shop.registry, shop.digest)
    signature = shop.keys.private("new").sign(payload)
    blob = shop.registry.put_blob(Bytes(payload))
    for annotations in ({}, {SIGNATURE: ""}, {SIGNATURE: "é!"}, {SIGNATURE: "AAAA"}):
        shop.put_layers([Descriptor(PAYLOAD, blob.digest, blob.size, annotations)])
        assert shop.why_refused("new") is not None
    shop.put((payload, signature), kind="text/plain")
    assert shop.why_refused("new") is not None

    assert shop.sign("new")

    assert shop.why_refused("new") is None


def test_signatures_beyond_what_is_looked_at_do_not_hide_a_new_one(shop: Shop) -> None:
    payload = to_payload(shop.registry, shop.digest)
    shop.put(*((payload, b"none %d" % number) for number in range(200)))
    assert shop.why_refused("new") is not None

    assert shop.sign("new")

    assert shop.why_refused("new") is None


def test_a_signature_tag_that_names_something_else_is_refused_and_signed_anew(shop: Shop) -> None:
    image = shop.registry.document(shop.serving.name)
    assert image is not None
    shop.registry.put_document(image[0], tag=signature_tag(shop.digest))
    why = shop.why_refused("new")
    assert why is not None
    assert "can't be read" in why

    shop.sign("new")

    assert shop.why_refused("new") is None


def test_a_document_that_rotted_is_refused_and_signed_anew(shop: Shop) -> None:
    shop.sign("new")
    if not isinstance(shop.registry, LayoutRegistry):
        pytest.skip("a registry looks after its own blobs")
    payload = digest_of(to_payload(shop.registry, shop.digest))
    file = shop.registry.folder / "blobs" / "sha256" / payload.removeprefix("sha256:")
    file.write_bytes(file.read_bytes().replace(b"cosign", b"rotten"))
    assert "whose document was changed" in (shop.why_refused("new") or "")

    assert shop.sign("new")

    assert shop.why_refused("new") is None


def test_a_trusted_key_that_is_missing_refuses_all_and_is_named(shop: Shop) -> None:
    shop.sign("new")

    why = shop.why_refused("new", "gone")

    assert why is not None
    assert "gone.pub.pem" in why
    assert "no such file" in why


def _reconciler(shop: Shop, signing: str, *trusted: str) -> ServingReconciler:
    update = {
        "signing_key": shop.keys.folder / f"{signing}.pem",
        "trusted_keys": shop.keys.public(*trusted),
    }
    return ServingReconciler.open(shop.settings.model_copy(update=update))


def test_what_was_built_before_there_was_a_key_is_signed_once_there_is(shop: Shop) -> None:
    ServingReconciler.open(shop.settings).build()
    ServingReconciler.open(shop.settings).ask()
    (serving,) = open_desk(shop.settings).asked().values()
    assert serving.image is not None
    reconciler = _reconciler(shop, "old", "old")
    assert not reconciler.compare().is_settled

    (built,) = reconciler.build().images

    assert built[1].pushed_layers == 0
    assert built[1].digest == serving.image
    assert reconciler.compare().is_settled
    assert _reconciler(shop, "old", "old").compare().is_settled
    assert shop.why_refused("old", digest=serving.image) is None


def test_another_key_signs_what_the_one_before_signed(shop: Shop) -> None:
    (first,) = _reconciler(shop, "old", "old").build().images
    rotating = _reconciler(shop, "new", "old", "new")
    rotating.ask()

    digest = first[1].digest
    assert rotating.compare().is_settled
    assert shop.why_refused("old", digest=digest) is None
    assert shop.why_refused("new", digest=digest) is None


def test_a_signing_key_that_is_not_trusted_is_told_before_anything_is_asked_for(
    shop: Shop,
) -> None:
    built = _reconciler(shop, "new", "old").build()

    assert built.images == []
    (told,) = built.failed
    assert "is none of those that are trusted here" in told
    assert "\n" not in told


def test_a_signing_key_that_is_missing_is_told(shop: Shop) -> None:
    (told,) = _reconciler(shop, "gone").build().failed

    assert "gone.pem" in told
    assert "no such file" in told


def test_an_image_is_trusted_at_another_place_too(shop: Shop, tmp_path: Path, keys: Keys) -> None:
    shop.sign("new")
    elsewhere = LayoutRegistry(tmp_path / "mirror")
    for tag in (shop.serving.name, signature_tag(shop.digest)):
        _copy(shop.registry, elsewhere, tag)

    settings = shop.settings.model_copy(update={"trusted_keys": keys.public("new")})

    require_trusted(settings, elsewhere, shop.digest)


def _copy(source: ImageRegistry, target: ImageRegistry, reference: str) -> None:
    found = source.document(reference)
    assert found is not None
    document = parse_document(found[0], reference)
    for part in parts_of(document):
        if isinstance(document, ImageIndex):
            _copy(source, target, part.digest)
        else:
            with source.open_blob(part.digest) as chunks:
                target.put_blob(Bytes(b"".join(chunks)))
    tag = None if reference.startswith("sha256:") else reference
    target.put_document(found[0], tag=tag)
