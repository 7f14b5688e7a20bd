"""Who wrote an object of a bucket, inside the object.

S3 tells versions of an object apart by a digest of the content, so two moves of HEAD to one
version would look alike, and a writer could not know its own manifest from another's, whose
answer was lost. So each write says ``by`` whom (a name that also says where a version's files
lie) and has a ``nonce`` that is never twice the same: as the first member of a JSON object, as
the last line of any other text. What is read is what was put, without it. The nonce ends with
digits of a checksum over both, so that a flipped bit is seen here too.

Until 0.2.0 both stood in 128 spaces and tabs at the end; these are read too.
"""

import hashlib
import json
import re
import secrets

_DIGITS = 16
_MEMBER = re.compile(rb'\{"written":\{"by":"([0-9a-f]{16})","nonce":"([0-9a-f]{24})"\}(,?)')
_LINE = re.compile(rb"(\n?)written by ([0-9a-f]{16}) ([0-9a-f]{24})(\n?)\Z")
_BLANKS = re.compile(rb"([ \t]{64})[ \t]{64}\Z")


def new_writer() -> str:
    """16 hexadecimal digits that nobody has chosen before."""
    return secrets.token_hex(_DIGITS // 2)


def _nonce(name: str) -> str:
    chance = secrets.token_hex(_DIGITS // 2)
    return chance + _check(name, chance)


def _check(name: str, chance: str) -> str:
    return hashlib.sha256(f"{name} {chance}".encode()).hexdigest()[:8]


def _found(match: "re.Match[bytes] | None", name: int) -> "re.Match[bytes] | None":
    """The match, if the name and the nonce after it are as they were written."""
    if match is None:
        return None
    by, nonce = match[name].decode(), match[name + 1].decode()
    return match if nonce[_DIGITS:] == _check(by, nonce[:_DIGITS]) else None


def with_writer(content: bytes, name: str = "0" * _DIGITS) -> bytes:
    """``content`` with ``name`` and a fresh nonce in it; those that are there go."""
    content = without_writer(content)
    if content.startswith(b"{"):
        comma = "" if content[1:].lstrip().startswith(b"}") else ","
        member = f'{{"written":{{"by":"{name}","nonce":"{_nonce(name)}"}}{comma}'
        return member.encode() + content[1:]
    line = f"written by {name} {_nonce(name)}".encode()
    return content + line + b"\n" if content.endswith(b"\n") else content + b"\n" + line


def writer_of(content: bytes) -> str | None:
    """By whom it was written; None if it does not say."""
    if (member := _found(_MEMBER.match(content), 1)) is not None:
        return member[1].decode()
    if content.startswith(b"{"):
        by = _member_of(content).get("by")
        if isinstance(by, str) and re.fullmatch("[0-9a-f]{16}", by):
            return by
    elif (line := _found(_LINE.search(content), 2)) is not None:
        return line[2].decode()
    if (blanks := _BLANKS.search(content)) is not None:
        bits = blanks[1].replace(b" ", b"0").replace(b"\t", b"1")
        return f"{int(bits, 2):0{_DIGITS}x}"
    return None


def without_writer(content: bytes) -> bytes:
    """What was put; anything else is as it is."""
    if (member := _found(_MEMBER.match(content), 1)) is not None:
        return b"{" + content[member.end() :]
    if not content.startswith(b"{") and (line := _found(_LINE.search(content), 2)) is not None:
        return content[: line.start()] + line[1] * bool(line[4])
    if _BLANKS.search(content) is not None:
        return content.rstrip(b" \t")
    return content


def _member_of(content: bytes) -> dict[str, object]:
    """The member also where a program has written the document anew, as formatters do."""
    try:
        written = json.loads(content).get("written")
    except (ValueError, AttributeError):
        return {}
    return written if isinstance(written, dict) else {}
