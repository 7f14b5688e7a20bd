"""Rows of an index: text lines, read one by one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_grpc.errors import DamagedIndex
from index_grpc.index.rows import Row, RowTable, read_columns, write_rows

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            Row,
            photo_id=st.text(st.characters(exclude_categories=["Cs"])),
            listing_id=st.text(st.characters(exclude_categories=["Cs"])),
            listed_at=st.integers(0, 10**12).map(lambda n: NOON + timedelta(microseconds=n)),
            sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
        ),
        max_size=20,
    )
)
def test_rows_come_back_as_they_were_written_whatever_their_ids(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"

    write_rows(path, rows)

    with RowTable(path) as table:
        assert list(table) == rows
        columns = read_columns([(table, at) for at in reversed(range(len(table)))])
    assert [Row(*fields) for fields in zip(*columns, strict=True)] == rows[::-1]


def test_a_row_is_one_compact_line_with_sorted_keys() -> None:
    row = Row("p", "l", NOON, "ab")

    assert row.to_json() == (
        '{"listed_at":"2026-11-22T12:00:00+00:00","listing_id":"l","photo_id":"p","sha256":"ab"}'
    )


def test_a_file_that_ends_within_a_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [Row("p", "l", NOON, "ab")] * 3)
    path.write_bytes(path.read_bytes()[:-4])

    with pytest.raises(DamagedIndex, match="last line"):
        RowTable(path)


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"{}",
        b"[]",
        b"7",
        b'{"listed_at":"soon","listing_id":"l","photo_id":"p","sha256":"s"}',
        b'{"listed_at":"2026-11-22T12:00:00+00:00","listing_id":1,"photo_id":"p","sha256":"s"}',
        Row("p", "l", NOON, "s").to_json().encode() * 2,
        b"\xff\xfe",
        b'{"listed_at":"2026-11-22T12:00:00+00:00","listing_id":"l","photo_id":"p" 7,"sha256":"s"}',
        b'{"listed_at":"2026-11-22T12:00:00+00:00","listing_id":"l","photo":"p","sha256":"s"}',
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    good = Row("p", "l", NOON, "ab").to_json().encode()
    path.write_bytes(good + b"\n" + line + b"\n" + good + b"\n")

    with RowTable(path) as table:
        assert table[2].photo_id == "p"
        with pytest.raises(DamagedIndex, match=r"line 2 of .*rows.jsonl"):
            table[1]
        with pytest.raises(DamagedIndex, match=r"line 2 of .*rows.jsonl"):
            read_columns([(table, 0), (table, 1), (table, 2)])


def test_lines_in_another_order_or_spacing_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = Row("p", "l", NOON, "s")
    other = '{"sha256": "s", "photo_id": "p", "listing_id": "l", "listed_at": "2026-11-22T12:00Z"}'
    path.write_text(f"{row.to_json()}\n{other}\n")

    with RowTable(path) as table:
        columns = read_columns([(table, 0), (table, 1)])

    assert [Row(*fields) for fields in zip(*columns, strict=True)] == [row, row]


def test_lines_that_only_make_json_together_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = Row("p", "l", NOON, "ab").to_json()
    path.write_text(f'{row[:-1]}\n"more":1}}\n')

    with RowTable(path) as table, pytest.raises(DamagedIndex, match="line 1"):
        read_columns([(table, 0), (table, 1)])
