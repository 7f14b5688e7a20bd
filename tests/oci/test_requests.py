"""What goes out to a registry, what is tried again, and what is taken of an answer as it is."""

import gzip
import hashlib
import json
import socket
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from photosearch.oci.errors import ImageMissing, RegistryDown, RegistryRefused
from photosearch.oci.opening import open_registry
from photosearch.oci.registry import Bytes
from photosearch.oci.remote.trying import ATTEMPTS, LONGEST_PAUSE_S
from tests.oci.conftest import registry_settings
from tests.oci.test_hostile_registries import Write, hostile, registry_at, whole

DIGEST = "sha256:" + "0" * 64
TAGS = whole("200 OK", body=b'{"tags": ["today"]}')


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been waited."""
    told: list[float] = []
    monkeypatch.setattr(time, "sleep", told.append)
    return told


@pytest.mark.parametrize("first", [whole("503 Busy"), whole("429 Wait"), b"", b"HTTP/1.1 2"])
def test_what_only_asks_is_asked_again(tmp_path: Path, pauses: list[float], first: bytes) -> None:
    asked: list[bytes] = []

    def answer(head: bytes, write: Write) -> None:
        asked.append(head)
        write(first if len(asked) < ATTEMPTS else TAGS)

    with hostile(answer) as address:
        assert registry_at(tmp_path, address).tags() == ["today"]

    assert len(asked) == ATTEMPTS
    assert pauses == pytest.approx([0.0, 0.6, 1.2, 2.4])


def test_it_is_not_asked_for_ever(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def answer(head: bytes, write: Write) -> None:
        asked.append(head)
        write(whole("503 Busy"))

    with hostile(answer) as address, pytest.raises(RegistryDown, match="503 Busy"):
        registry_at(tmp_path, address).tags()

    assert len(asked) == ATTEMPTS


def test_what_sends_is_not_sent_again_by_the_way(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def answer(head: bytes, write: Write) -> None:
        asked.append(head)
        write(whole("500 Oh"))

    with hostile(answer) as address, pytest.raises(RegistryDown, match="500 Oh"):
        registry_at(tmp_path, address).delete_blob(DIGEST)

    assert len(asked) == 1


def test_a_registry_that_is_not_there_is_tried_a_few_times(
    tmp_path: Path, pauses: list[float]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"

    with pytest.raises(RegistryDown, match=f"{address} does not answer: .*refused"):
        registry_at(tmp_path, address).delete_blob(DIGEST)

    assert len(pauses) == 2


@pytest.mark.parametrize(
    ("told", "waited"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("3600", LONGEST_PAUSE_S),
        ("9" * 30, LONGEST_PAUSE_S),
        ("-5", 0.0),
        ("soon", 0.0),
        ("², please", 0.0),
        ("Fri, 01 Jan 1999 00:00:00 GMT", 0.0),
        ("Tue, 01 Jan 2999 00:00:00 GMT", LONGEST_PAUSE_S),
    ],
)
def test_a_registrys_wish_for_a_pause_is_granted_within_bounds(
    tmp_path: Path, pauses: list[float], told: str, waited: float
) -> None:
    asked: list[bytes] = []

    def answer(head: bytes, write: Write) -> None:
        asked.append(head)
        write(TAGS if len(asked) > 1 else whole("429 Wait", f"Retry-After: {told}"))

    with hostile(answer) as address:
        registry_at(tmp_path, address).tags()

    assert pauses == [waited]


def test_no_cookie_is_sent_back(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def answer(head: bytes, write: Write) -> None:
        asked.append(head)
        there = "302 There" if len(asked) == 1 else "200 OK"
        write(whole(there, "Set-Cookie: sid=1; Path=/", "Location: /there", body=b'{"tags": []}'))

    with hostile(answer) as address:
        registry = registry_at(tmp_path, address)
        registry.tags()
        registry.tags()

    assert len(asked) == 3
    assert not any(b"cookie" in head.lower() for head in asked)


def test_what_netrc_has_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))
    (tmp_path / ".netrc").write_text("default login somebody password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    asked: list[bytes] = []

    def answer(head: bytes, write: Write) -> None:
        asked.append(head)
        write(TAGS)

    with hostile(answer) as address:
        assert open_registry(registry_settings(tmp_path, address)).tags() == ["today"]

    assert b"authorization" not in asked[0].lower()


def test_of_several_ways_to_sign_in_the_first_that_can_be_gone_is_taken(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def answer(head: bytes, write: Write) -> None:
        asked.append(head)
        if b"/token" in head:
            write(whole("200 OK", body=b'{"access_token": "secret"}'))
        elif b"Bearer secret" in head:
            write(TAGS)
        else:
            ways = 'Negotiate, Bearer service="x", Digest realm="a, b"'
            there = "/token?a=1&b=2"
            more = f'Bearer realm="{there}",service="shop, north",scope="one:r two:r,w"'
            write(whole("401 Who", f"WWW-Authenticate: {ways}", f"WWW-Authenticate: {more}"))

    with hostile(answer) as address:
        assert registry_at(tmp_path, address).tags() == ["today"]

    line = asked[1].split(b"\r\n")[0]
    assert (
        line == b"GET /token?a=1&b=2&service=shop%2C+north&scope=one%3Ar&scope=two%3Ar%2Cw HTTP/1.1"
    )
    assert b"Authorization: Basic " in asked[1]


def test_bytes_are_taken_as_they_are_kept(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"tags": ["today"]}')
    asked: list[bytes] = []

    def answer(head: bytes, write: Write) -> None:
        asked.append(head)
        write(whole("200 OK", "Content-Encoding: gzip", body=packed))

    with hostile(answer) as address:
        registry = registry_at(tmp_path, address)
        with registry.open_blob(DIGEST) as pieces:
            assert b"".join(pieces) == packed
        with pytest.raises(RegistryRefused, match="no list of tags"):  # nobody unpacks a bomb
            registry.tags()

    assert all(b"accept-encoding: identity\r\n" in head.lower() for head in asked)


def test_an_answer_that_comes_before_the_layer_is_read_is_told(tmp_path: Path) -> None:
    def answer(head: bytes, write: Write) -> None:
        if head.startswith(b"POST"):
            write(whole("202 Taken", "Location: /there"))
        else:
            told = json.dumps({"errors": [{"message": "too much"}]}).encode()
            write(whole("413 Too Large", body=told))

    with hostile(answer) as address, pytest.raises(RegistryRefused, match=r"413 .*: too much"):
        registry_at(tmp_path, address).put_blob(Bytes(bytes(1000)))


class Large:
    """A layer that is made while it is sent."""

    PIECE = bytes(1 << 20)

    def __len__(self) -> int:
        return 128 << 20

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(len(self) >> 20):
            yield bytes(self.PIECE)


def test_a_layer_is_never_in_memory(tmp_path: Path) -> None:
    def answer(head: bytes, write: Write) -> None:
        write(whole("202 Taken", "Location: /there"))

    with hostile(answer, reads=True) as address:
        registry = registry_at(tmp_path, address)
        tracemalloc.start()
        try:
            blob = registry.put_blob(Large())
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert blob.digest == f"sha256:{hashlib.sha256(bytes(len(Large()))).hexdigest()}"
    assert most < 16 << 20


def test_what_the_bytes_of_a_missing_blob_would_be_is_told(tmp_path: Path) -> None:
    with (
        hostile(lambda _, write: write(whole("404 None"))) as address,
        pytest.raises(ImageMissing, match=f"has no blob {DIGEST}"),
        registry_at(tmp_path, address).open_blob(DIGEST),
    ):
        pass


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_can_not_be_read_are_told(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    settings = registry_settings(
        tmp_path, "registry.example", registry_insecure=False, registry_ca_file=file
    )

    with pytest.raises(RegistryRefused, match=rf"no certificates in {file}.*registry_ca_file"):
        open_registry(settings).tags()


def test_a_port_that_is_none_is_told_when_it_is_asked(tmp_path: Path) -> None:
    registry = open_registry(registry_settings(tmp_path, "registry.example:99999"))

    with pytest.raises(RegistryRefused, match="registry_url"):
        registry.tags()
