"""Each object of a bucket says by whom it was written, and is read as it was put."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photosearch.repository.storage.conditional_put import is_tombstone
from photosearch.repository.storage.written_by import (
    new_writer,
    with_writer,
    without_writer,
    writer_of,
)

NAME = "0123456789abcdef"
names = st.from_regex("[0-9a-f]{16}", fullmatch=True)
documents = st.dictionaries(st.text(), st.none() | st.integers() | st.text()).flatmap(
    lambda one: st.sampled_from([json.dumps(one), json.dumps(one, indent=1), f"{one and 1}"])
)
contents = st.one_of(documents, st.text(), st.text().map(lambda text: f"{text}\n")).map(str.encode)


def in_blanks(content: bytes, name: str) -> bytes:
    """As it was until 0.2.0: two numbers of 64 bits, in spaces and tabs."""
    bits = f"{int(name, 16):064b}{7:064b}"
    return content + bits.replace("0", " ").replace("1", "\t").encode()


def plain(content: bytes) -> bool:
    return writer_of(content) is None and content == content.rstrip(b" \t")


@given(contents.filter(plain), names)
def test_what_is_read_is_what_was_put(content: bytes, name: str) -> None:
    once = with_writer(content, name)

    assert writer_of(once) == name
    assert without_writer(once) == content
    assert with_writer(content, name) != once  # never twice the same
    assert without_writer(with_writer(once, new_writer())) == content
    assert len(with_writer(once, name)) == len(once)


@given(contents.filter(plain), names)
def test_what_was_written_in_blanks_is_read_as_well(content: bytes, name: str) -> None:
    assert writer_of(in_blanks(content, name)) == name
    assert without_writer(in_blanks(content, name)) == content
    assert without_writer(with_writer(in_blanks(content, name), name)) == content


@pytest.mark.parametrize("content", [b'{"format": 1}', b"{}", b"5d1c\n", b"5d1c"])
def test_a_flipped_bit_is_never_read_as_what_was_put(content: bytes) -> None:
    once = with_writer(content, NAME)
    for bit in range(8 * len(once)):
        flipped = bytearray(once)
        flipped[bit // 8] ^= 1 << bit % 8
        assert without_writer(bytes(flipped)) != content


def test_it_is_a_member_of_a_document_and_a_line_of_a_text() -> None:
    document = json.loads(with_writer(b'{"format": 1}', NAME))
    *lines, last = with_writer(b"5d1c\npinned\n", NAME).decode().splitlines()

    assert document["format"] == 1
    assert document["written"]["by"] == NAME
    assert json.loads(with_writer(b"{}"))["written"]["nonce"]
    assert lines == ["5d1c", "pinned"]
    assert last.startswith(f"written by {NAME} ")


@pytest.mark.parametrize("indent", [None, 2])
def test_a_document_that_a_formatter_wrote_anew_still_says_it(indent: int | None) -> None:
    document = json.loads(with_writer(b'{"format": 1, "rows": 5}', NAME))
    content = json.dumps(document, indent=indent, sort_keys=True).encode()

    assert writer_of(content) == NAME


def test_tombstones_of_both_kinds_are_known() -> None:
    assert is_tombstone(with_writer(b"deleted"))
    assert is_tombstone(in_blanks(b"deleted", NAME))
    assert not is_tombstone(with_writer(b"5d1c"))
    assert not is_tombstone(b"deleted")
