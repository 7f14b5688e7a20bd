"""Windows in documents: text outside, a window inside, the same text again."""

import pytest
from hypothesis import given
from pydantic import BaseModel, ValidationError

from photosearch.window_key import WindowKey
from photosearch.windows import Window
from tests.windows.test_windows import windows


class Document(BaseModel):
    window: WindowKey
    finer: tuple[WindowKey, ...] = ()
    coarser: WindowKey | None = None


@given(windows)
def test_a_document_names_its_windows_by_their_keys_and_reads_them_back(window: Window) -> None:
    document = Document(window=window, finer=tuple(window.children()), coarser=window.parent())

    told = document.model_dump()

    assert told["window"] == window.key
    assert told["finer"] == tuple(child.key for child in window.children())
    assert Document.model_validate_json(document.model_dump_json()) == document
    assert Document.model_validate(told) == document


@pytest.mark.parametrize(
    "told", ['"weekly/2026-W44"', '"daily/2026-11"', '""', "5", "null", "[]", '{"key": "x"}']
)
def test_a_document_that_names_no_window_is_refused_as_any_damage(told: str) -> None:
    with pytest.raises(ValidationError):
        Document.model_validate_json(f'{{"window": {told}}}')


def test_a_schema_says_text() -> None:
    for mode in ("validation", "serialization"):
        described = Document.model_json_schema(mode=mode)["properties"]["window"]
        assert described == {"title": "Window", "type": "string"}
