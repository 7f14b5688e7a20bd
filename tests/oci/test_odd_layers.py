"""Whatever a layer holds, what comes out is its files, or the word that it is damaged."""

import contextlib
import gzip
import io
import random
import shutil
import stat
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photosearch.oci.building.layers import Layer, LayerFile
from photosearch.oci.documents import LAYER
from photosearch.oci.errors import DamagedImage, RegistryRefused
from tests.oci.archives import END, entry, extended, octal, raw, record, sparse, unpacked

#: What a few bytes would become. Enough to tell, and not to fill a disk should it go wrong.
HOLES = 16 << 20
LONG = "index/" + "a" * 120 + "/rows.jsonl"
FILE = entry("index/rows.jsonl", b"rows")


def pax_sparse(version: str) -> bytes:
    """A file with holes as POSIX archives have them, in each of their three ways."""
    told = {
        "0.0": [
            record(b"GNU.sparse.size", b"%d" % HOLES),
            record(b"GNU.sparse.numblocks", b"1"),
            record(b"GNU.sparse.offset", b"%d" % (HOLES - 4)),
            record(b"GNU.sparse.numbytes", b"4"),
        ],
        "0.1": [
            record(b"GNU.sparse.size", b"%d" % HOLES),
            record(b"GNU.sparse.map", b"%d,4" % (HOLES - 4)),
        ],
        "1.0": [
            record(b"GNU.sparse.major", b"1"),
            record(b"GNU.sparse.minor", b"0"),
            record(b"GNU.sparse.name", b"index/rows.jsonl"),
            record(b"GNU.sparse.realsize", b"%d" % HOLES),
        ],
    }[version]
    head = f"1\n{HOLES - 4}\n4\n".encode().ljust(512, b"\0") if version == "1.0" else b""
    return extended(*told) + entry("index/rows.jsonl", head + b"rows")


ODD: dict[str, bytes] = {
    "a file with holes": sparse("index/vectors.npy", HOLES) + END,
    **{f"holes, {version}": pax_sparse(version) + END for version in ("0.0", "0.1", "1.0")},
    "an absolute path": entry("/etc/passwd", b"x") + END,
    "a path upwards": entry("index/../../passwd", b"x") + END,
    "a path upwards by an extended header": extended(record(b"path", b"../x")) + FILE + END,
    "no path": entry("./", type=tarfile.DIRTYPE) + END,
    "a symlink": entry("index/rows", type=tarfile.SYMTYPE, linkname="/etc/passwd") + END,
    "a hard link": FILE + entry("index/r", type=tarfile.LNKTYPE, linkname="index/rows.jsonl") + END,
    "a device": entry("index/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3) + END,
    "a block device": entry("index/disk", type=tarfile.BLKTYPE) + END,
    "a fifo": entry("index/pipe", type=tarfile.FIFOTYPE) + END,
    "a contiguous file": entry("index/rows", b"x", type=tarfile.CONTTYPE) + END,
    "a kind of a vendor": raw(b"index/rows", b"Z", octal(0)) + END,
    "one file twice": FILE + FILE + END,
    "a file as a folder": FILE + entry("index/rows.jsonl/x", b"x") + END,
    "a folder as a file": entry("index/a/b", b"x") + entry("index/a", b"x") + END,
    "a folder over a file": FILE + entry("index/rows.jsonl", type=tarfile.DIRTYPE) + END,
    "a folder with a size": raw(b"index", b"5", octal(512), bytes(512)) + END,
    "a huge name": extended(record(b"path", b"index/" + b"a" * 300)) + FILE + END,
    "a huge path": extended(record(b"path", b"index/a/" * 200 + b"a")) + FILE + END,
    "a zero byte in a path": extended(record(b"path", b"index/a\0b")) + FILE + END,
    "a path that is no UTF-8": extended(record(b"path", b"index/\xff")) + FILE + END,
    "a name that is no UTF-8": raw(b"index/\xff", b"0", octal(4), b"rows") + END,
    "a negative size": raw(b"index/rows", b"0", b"-0000000001\0") + END,
    "a negative size in binary": raw(b"index/rows", b"0", b"\xff" * 12) + END,
    "8 GiB in binary": raw(b"index/rows", b"0", b"\x80" + (8 << 30).to_bytes(11, "big")) + END,
    "2**95 bytes": raw(b"index/rows", b"0", b"\x80\x7f" + b"\xff" * 10) + END,
    "a size that is no number": raw(b"index/rows", b"0", b"many bytes\0\0") + END,
    "a size beyond the archive": raw(b"index/rows", b"0", octal(99_999), b"rows") + END,
    "a garbage number": extended(record(b"size", b"12e99")) + FILE + END,
    "a number of 4,000 digits": extended(record(b"size", b"9" * 3900)) + FILE + END,
    "a negative number": extended(record(b"size", b"-4")) + FILE + END,
    "two values": extended(record(b"path", b"a"), record(b"path", b"b")) + FILE + END,
    "a record of no length": extended(b"0 path=a\n") + FILE + END,
    "a record that is too long": extended(b"99 path=a\n") + FILE + END,
    "a record without end": extended(b"9999999999999999999999 path=a\n") + FILE + END,
    "a record of another kind": extended(record(b"mtime", b"nan")) + FILE + END,
    "an empty extended header": extended() + FILE + END,
    "a large extended header": extended(record(b"path", b"a" * 70_000)) + FILE + END,
    "extended headers without end": extended(record(b"path", b"a")) * 3000 + FILE + END,
    "a header for all": extended(record(b"path", b"a"), kind=b"g") + FILE + END,
    "a GNU long name": raw(b"././@LongLink", b"L", octal(6), b"a" * 6) + FILE + END,
    "GNU long names without end": raw(b"././@LongLink", b"L", octal(6), b"a" * 6) * 3000 + END,
    "a volume": raw(b"index", b"V", octal(0)) + END,
    "nothing": b"",
    "no end": FILE,
    "half an end": FILE + bytes(512),
    "half a block": FILE + END[:700],
    "cut in a file": FILE[:514],
    "cut in a header": FILE[:100],
    "something after the end": FILE + END + FILE + END,
    "a byte after the end": FILE + END + b"\0\0x",
    "a byte between two files": FILE[:-1] + b"x" + END,
    "a wrong checksum": FILE[:148] + b"0000000\0" + FILE[156:] + END,
    "no archive": bytes(range(256)) * 20,
    "an archive that is compressed": gzip.compress(FILE + END),
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_what_no_layer_of_ours_holds_is_a_damaged_image(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DamagedImage):
        unpacked(content, tmp_path / "layer")

    assert bytes_below(tmp_path) <= len(content)


@pytest.mark.parametrize("media_type", [f"{LAYER}+gzip", f"{LAYER}+zstd", "text/html"])
def test_a_compressed_layer_is_not_even_looked_at(media_type: str, tmp_path: Path) -> None:
    with pytest.raises(DamagedImage, match="an archive of another kind"):
        unpacked(FILE + END, tmp_path / "layer", media_type=media_type)


def test_more_empty_files_than_any_index_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosearch.oci.pulling.tar_entries.MOST_ENTRIES", 100)
    files = b"".join(entry(f"index/{number}") for number in range(101))

    with pytest.raises(DamagedImage, match="more than 100 files"):
        unpacked(files + END, tmp_path / "layer")


def test_a_layer_of_ours_is_unpacked_with_its_longest_paths(tmp_path: Path) -> None:
    files = {LONG: b"rows" * 300, "index/empty": b"", "index/größe.json": b"{}"}
    layer = Layer([LayerFile.of_bytes(path, content) for path, content in files.items()])

    folder = unpacked(b"".join(layer), tmp_path / "layer")

    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert found == files


def test_an_archive_of_tarfiles_own_may_end_in_more_empty_blocks(tmp_path: Path) -> None:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        told = tarfile.TarInfo("index/rows.jsonl")
        told.size = 4
        archive.addfile(told, io.BytesIO(b"rows"))

    folder = unpacked(written.getvalue(), tmp_path / "layer")

    assert (folder / "index/rows.jsonl").read_bytes() == b"rows"


def test_a_layer_for_which_there_is_no_room_is_refused_before_a_byte_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil_usage(total=100 << 30, free=(1 << 30) + 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)

    with pytest.raises(RegistryRefused, match=r"no room to unpack.* found \d+ bytes.*make room"):
        unpacked(FILE + END, tmp_path / "layer")

    assert bytes_below(tmp_path) == 0


ENTRIES = st.one_of(
    st.builds(entry, st.sampled_from(["index/a", "index/b/c", LONG]), st.binary(max_size=900)),
    st.builds(
        raw,
        st.binary(max_size=90),
        st.sampled_from([b"0", b"\0", b"1", b"2", b"3", b"5", b"6", b"7", b"x", b"g", b"L", b"S"]),
        st.one_of(st.integers(0, 4000).map(octal), st.binary(max_size=12)),
        st.binary(max_size=600),
    ),
    st.builds(
        extended,
        st.builds(
            record,
            st.sampled_from([b"path", b"size", b"GNU.sparse.size", b"GNU.sparse.map", b"mtime"]),
            st.binary(max_size=200),
        ),
    ),
    st.sampled_from([*ODD.values()]),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts=st.lists(ENTRIES, max_size=4), cut=st.integers(0, 4000), seed=st.integers(0, 1 << 30))
def test_only_files_come_out_and_never_more_than_went_in(
    parts: list[bytes], cut: int, seed: int
) -> None:
    content = bytearray(b"".join(parts) + END)[: max(20_000 - cut, 0)]
    for _ in range(seed % 3):
        if content:
            content[random.Random(seed).randrange(len(content))] ^= 1 << seed % 8

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "layer")
        with contextlib.suppress(DamagedImage):
            unpacked(bytes(content), folder)

        assert list(Path(name).iterdir()) == [folder]
        assert bytes_below(folder) <= len(content)
        for path in folder.rglob("*"):
            mode = path.lstat().st_mode
            assert stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def bytes_below(folder: Path) -> int:
    """What the files say they have, holes among it."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def shutil_usage(total: int, free: int) -> Any:
    return type(shutil.disk_usage("/"))(total, total - free, free)
