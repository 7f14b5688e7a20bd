"""A photo that comes out in one colour is found like any other, and told of wherever one looks."""

import io
from collections.abc import Sequence
from datetime import timedelta

import dagster as dg
import pytest
from PIL import Image

from photosearch.photo_notes import PhotoRemark
from photosearch.repository.addresses import Kind
from photosearch.repository.manifest import Manifest
from photosearch.terminal.terminal import Terminal
from photosearch.windows import Window
from photosearch_assets.materialize.command import _report_remarks
from photosearch_assets.materialize.materializer import Summary
from photosearch_assets.metadata import metadata_of
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.registry import own_step
from photosearch_assets.steps.result import StepResult
from photosearch_operations.explain.explain import explain
from tests.assets.conftest import START, Shop, hours
from tests.erasure.test_erase import erase, files_with

[HOUR, OTHER] = hours(0, 2)
SAID = "came out in one colour"


def blank(colour: tuple[int, ...], kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA" if len(colour) == 4 else "RGB", (48, 48), colour).save(file, kind)
    return file.getvalue()


@pytest.fixture
def with_blanks(shop: Shop) -> Shop:
    """Two hours of two photos, and in the first three that show nothing."""
    shop.list_hours(2)
    for number, content in enumerate(
        (blank((9, 9, 9), "JPEG"), blank((0, 90, 9), "PNG"), blank((0, 90, 9, 0), "WEBP"))
    ):
        shop.list_photo(f"blank {number}", START + timedelta(minutes=10 + number), content)
    return shop


def embedded(shop: Shop, windows: Sequence[Window] = (HOUR, OTHER)) -> list[StepResult]:
    with StepContext(shop.settings) as context:
        for name in ("embedder", "images"):
            list(own_step(name)([] if name == "embedder" else windows, context))
        results = list(own_step("embeddings")(windows, context))
    return sorted(results, key=lambda result: str(result.window))


def manifest(shop: Shop, window: Window) -> Manifest:
    with StepContext(shop.settings) as context:
        return context.shelf(Kind.EMBEDDINGS).require(window, "")


def remarked(result: StepResult) -> list[str]:
    return sorted(one.photo_id for one in result.remarks if one.remark == SAID)


def test_they_are_embedded_and_remarked(with_blanks: Shop) -> None:
    first, second = embedded(with_blanks)

    assert remarked(first) == ["blank 0", "blank 1", "blank 2"]
    assert (first.rows, first.failures) == (5, ())
    assert remarked(second) == []
    assert manifest(with_blanks, OTHER).details == {}


def test_they_are_told_of_again_when_nothing_is_left_to_do(with_blanks: Shop) -> None:
    embedded(with_blanks)

    first, _ = embedded(with_blanks)

    assert not first.done
    assert remarked(first) == ["blank 0", "blank 1", "blank 2"]


def test_a_vector_that_is_kept_keeps_its_remark(with_blanks: Shop) -> None:
    embedded(with_blanks)
    with_blanks.list_photo("p7.png", START + timedelta(minutes=30))

    first, _ = embedded(with_blanks)

    assert (first.done, first.rows) == (True, 6)
    assert remarked(first) == ["blank 0", "blank 1", "blank 2"]


def test_dagit_names_them_and_says_nothing_where_there_are_none(with_blanks: Shop) -> None:
    first, second = (metadata_of(one, is_own=True) for one in embedded(with_blanks))

    assert first["remarks"] == dg.MetadataValue.int(3)
    assert f"| blank 1 | {SAID} |" in str(first["photos to look at"].value)
    assert not {"remarks", "photos to look at"} & second.keys()


def test_explain_says_it_of_such_a_listing_alone(with_blanks: Shop) -> None:
    embedded(with_blanks)

    [blank] = explain(with_blanks.settings, "listing of blank 2").photos
    [other] = explain(with_blanks.settings, "p0.png").photos

    assert (blank.remark, other.remark) == (SAID, None)


def test_an_erased_one_is_no_longer_named(with_blanks: Shop) -> None:
    embedded(with_blanks)

    erase(with_blanks, "listing of blank 1")

    assert files_with(with_blanks, b"blank 1") == []
    assert [one.photo_id for one in manifest(with_blanks, HOUR).remarks] == ["blank 0", "blank 2"]


def told(photos: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What ``materialize`` says of an hour with these photos in one colour."""
    remarks = tuple(PhotoRemark(photo_id=photo, remark=SAID) for photo in photos)
    result = StepResult(step="embeddings", window=HOUR, remarks=remarks)
    _report_remarks(Terminal(width=120), Summary(results={("embeddings", HOUR): result}))
    return capsys.readouterr().out


def test_the_summary_counts_them_and_names_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert told([], capsys) == ""
    assert told(["a.jpg"], capsys) == f"1 photo {SAID}, a.jpg\n"
    assert told(["a.jpg", "b.jpg", "c.jpg"], capsys) == f"3 photos {SAID}, such as a.jpg\n"
    assert "\x1b" not in told(["\x1b[2Ja.jpg"], capsys)
