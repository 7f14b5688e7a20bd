"""Notes of layers in a bucket: found by their windows, and gone when they are forgotten."""

from index_grpc.shipping.layer_notes import LayerNotes
from photosearch.oci.building.layers import Layer, LayerFile
from photosearch.repository.addresses import Address
from photosearch.windows import Window
from tests.stores.bucket_shelf import BucketShelf

FIRST, SECOND = Window.parse("hourly/2026-11-22T03"), Window.parse("hourly/2026-11-22T04")


def layer_of(*windows: Window) -> Layer:
    folders = [Address.index("f1", window).folder("v1") for window in windows]
    return Layer(LayerFile.of_bytes(f"index/{folder}/rows.jsonl", b"row") for folder in folders)


def test_a_layer_is_found_by_each_of_its_windows_until_it_is_forgotten(shelf: BucketShelf) -> None:
    one, both = f"sha256:{1:064x}", f"sha256:{2:064x}"
    notes = LayerNotes(shelf.storage())

    for _ in range(2):  # as each builder does
        notes.note(layer_of(FIRST), one)
        notes.note(layer_of(FIRST, SECOND), both)

    assert LayerNotes(shelf.storage()).of([FIRST]) == {one, both}
    assert notes.of([SECOND]) == {both}
    assert notes.of([]) == set()
    notes.forget([both], [FIRST, SECOND])
    assert notes.of([FIRST, SECOND]) == {one}
    notes.note(layer_of(SECOND), both)
    assert notes.of([SECOND]) == {both}


def test_of_a_quantiser_alone_nothing_is_noted(shelf: BucketShelf) -> None:
    folder = Address.quantisers("f1").folder("v1")
    layer = Layer([LayerFile.of_bytes(f"index/{folder}/ah_codebook.pb", b"codes")])

    LayerNotes(shelf.storage()).note(layer, f"sha256:{1:064x}")

    assert shelf.storage().files("notes") == []
