"""Layers that an attacker or a faulty disk makes: archives of all that tar can hold."""

import hashlib
import io
import tarfile
from pathlib import Path

from photosearch.oci.documents import LAYER, Descriptor
from photosearch.oci.pulling.unpack import unpack

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)


def entry(name: str, content: bytes = b"", **fields: object) -> bytes:
    """One entry with its content; ``fields`` are those of its header."""
    told = tarfile.TarInfo(name)
    told.size = len(content)
    for field, value in fields.items():
        setattr(told, field, value)
    return told.tobuf(tarfile.PAX_FORMAT) + content + bytes(-len(content) % BLOCK)


def raw(name: bytes, kind: bytes, size: bytes, content: bytes = b"") -> bytes:
    """An entry whose header is written field by field, with a checksum that is right."""
    header = bytearray(BLOCK)
    header[: len(name)] = name
    header[100:108] = b"0000644\0"
    header[124 : 124 + len(size)] = size
    header[136:148] = b"00000000000\0"
    header[156:157] = kind
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content + bytes(-len(content) % BLOCK)


def octal(size: int) -> bytes:
    return b"%011o\0" % size


def extended(*records: bytes, kind: bytes = b"x") -> bytes:
    """An extended header of these records, each as it is written."""
    content = b"".join(records)
    return raw(b"././@PaxHeader", kind, octal(len(content)), content)


def record(name: bytes, value: bytes) -> bytes:
    rest = b" " + name + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def sparse(name: str, holes_to: int) -> bytes:
    """An old GNU file with holes: 512 bytes of data that become ``holes_to``."""
    told = tarfile.TarInfo(name)
    told.type, told.size = tarfile.GNUTYPE_SPARSE, BLOCK
    header = bytearray(told.tobuf(tarfile.GNU_FORMAT))
    header[386:398] = octal(holes_to - BLOCK)
    header[398:410] = octal(BLOCK)
    header[482:483] = b"\0"
    header[483:495] = octal(holes_to)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(BLOCK)


def unpacked(content: bytes, folder: Path, *, media_type: str = LAYER) -> Path:
    """The folder into which these bytes were unpacked, as a layer of just their digest."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    stream = io.BytesIO(content)
    chunks = iter(lambda: stream.read(700), b"")
    unpack(chunks, folder, Descriptor(media_type, digest, len(content)))
    return folder
