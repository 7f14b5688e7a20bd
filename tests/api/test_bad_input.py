"""Bad input gets a problem that names what, found, limit and remedy."""

import base64
import io
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from api.query.cursor import Position, mark_of, write_cursor
from tests.api.conftest import StartApi
from tests.api.shop import Shop

PHOTO = "lamps/item 13.jpg"


def require_problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"urn:photosearch:{kind}"
    assert problem["status"] == status
    assert {"title", "what", "found", "limit", "remedy"} <= set(problem)
    assert problem["what"]
    assert problem["remedy"]
    return problem


def bomb(width: int, height: int) -> bytes:
    """A PNG of some hundred bytes that declares any size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(b"\0" * 100)),
            chunk(b"IEND", b""),
        ]
    )


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((400, 300), 60).convert("RGB").save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        (b"this is no photo", "photo"),
        (jpeg()[: len(jpeg()) // 3], "decoded"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "photo"),
        (b"\x00" * 5000, "photo"),
    ],
    ids=["text", "cut off", "svg", "zeros"],
)
def test_what_is_no_photo_is_refused(whole: httpx.Client, photo: bytes, words: str) -> None:
    problem = require_problem(
        whole.post("/v1/search", files={"photo": ("holiday.jpg", photo)}), 422, "unusable-photo"
    )

    assert "holiday.jpg" in problem["what"]
    assert words in problem["what"]


def test_a_photo_of_900_megapixels_is_refused_unread(whole: httpx.Client) -> None:
    response = whole.post("/v1/search", files={"photo": bomb(30_000, 30_000)})

    problem = require_problem(response, 422, "unusable-photo")
    assert "900.0 megapixels" in problem["found"]
    assert problem["limit"] == "110 megapixels"


def test_an_empty_photo_is_refused(whole: httpx.Client) -> None:
    require_problem(whole.post("/v1/search", files={"photo": b""}), 422, "empty-photo")
    require_problem(whole.post("/v1/search", json={"photo": ""}), 422, "empty-photo")


def test_a_vector_of_the_wrong_length_is_refused(whole: httpx.Client, shop: Shop) -> None:
    vector = shop.vectors[PHOTO].tolist()

    problem = require_problem(
        whole.post("/v1/search", json={"vector": vector[:-1]}), 422, "wrong-length"
    )

    assert problem["found"] == str(len(vector) - 1)
    assert str(len(vector)) in problem["limit"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", '"x"', "null"])
def test_a_vector_that_holds_no_numbers_is_refused(
    whole: httpx.Client, shop: Shop, value: str
) -> None:
    numbers = ",".join(["0.5"] * (len(shop.vectors[PHOTO]) - 1))

    response = whole.post(
        "/v1/search",
        content=f'{{"vector":[{numbers},{value}]}}',
        headers={"Content-Type": "application/json"},
    )

    problem = require_problem(response, 422, "invalid-input")
    assert "vector" in problem["what"]


@pytest.mark.parametrize("value", [0.0, 1e-200, 1e200])
def test_a_vector_without_a_direction_is_refused(
    whole: httpx.Client, shop: Shop, value: float
) -> None:
    vector = [value] * len(shop.vectors[PHOTO])

    require_problem(whole.post("/v1/search", json={"vector": vector}), 422, "bad-vector")


@pytest.mark.parametrize("k", [0, -1, 10**9, 10**30, 1.5, "many", None, True])
def test_a_k_out_of_bounds_is_refused(whole: httpx.Client, k: Any) -> None:
    response = whole.post("/v1/search", json={"listing_id": "lamps/item 13", "k": k})

    problem = require_problem(response, 422, "invalid-input")
    assert problem["what"].startswith("k ")


def test_a_k_out_of_bounds_names_the_limit(whole: httpx.Client) -> None:
    zero = whole.post("/v1/search", json={"listing_id": "lamps/item 13", "k": 0}).json()
    many = whole.post("/v1/search", json={"listing_id": "lamps/item 13", "k": 10**9}).json()

    assert (zero["found"], zero["limit"]) == ("0", "at least 1")
    assert (many["found"], many["limit"]) == ("1000000000", "1 to 1000 (max_k)")


def test_a_fingerprint_that_is_not_served_is_refused(whole: httpx.Client, shop: Shop) -> None:
    body = {"vector": shop.vectors[PHOTO].tolist(), "fingerprint": "0123abcd"}

    problem = require_problem(whole.post("/v1/search", json=body), 409, "foreign-fingerprint")

    assert problem["found"] == "0123abcd"
    assert shop.fingerprint in problem["limit"]


def test_an_unknown_listing_is_not_found(whole: httpx.Client) -> None:
    response = whole.post("/v1/search", json={"listing_id": "lamps/no such"})

    assert require_problem(response, 404, "unknown-listing")["found"] == "'lamps/no such'"


@pytest.mark.parametrize("text", ["%%%", "abcde", "data:image/jpeg;base64,§", "aGk=\n=", "aG==k"])
def test_broken_base64_is_refused(whole: httpx.Client, text: str) -> None:
    require_problem(whole.post("/v1/search", json={"photo": text}), 422, "bad-base64")


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "text/plain", "application/x-www-form-urlencoded", "application/xml", ""]
)
def test_another_content_type_is_refused(whole: httpx.Client, kind: str) -> None:
    response = whole.post("/v1/search", content=jpeg(), headers={"Content-Type": kind})

    problem = require_problem(response, 415, "wrong-content-type")
    assert "application/json" in problem["limit"]


def test_an_empty_body_is_refused(whole: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}

    require_problem(whole.post("/v1/search", headers=headers), 422, "empty-body")
    require_problem(whole.post("/v1/search", headers=headers, content=b"{"), 422, "invalid-input")
    require_problem(whole.post("/v1/search", headers=headers, content=b"[]"), 422, "invalid-input")
    require_problem(whole.post("/v1/search", headers=headers, content=b"{}"), 422, "invalid-input")


@pytest.mark.parametrize(
    "content",
    [b"", b"--x--", b"no form", b"--x\r\n\r\n\r\n--x--", b"--x\r\nContent-Disposition: form-data"],
)
def test_a_broken_form_is_refused(whole: httpx.Client, content: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    response = whole.post("/v1/search", content=content, headers=headers)

    assert response.status_code == 422, response.text
    assert response.json()["remedy"]


def test_a_form_without_a_boundary_is_refused(whole: httpx.Client) -> None:
    headers = {"Content-Type": "multipart/form-data"}

    require_problem(whole.post("/v1/search", content=b"x", headers=headers), 422, "bad-form")


def test_a_form_with_the_photo_in_the_wrong_place_is_refused(
    whole: httpx.Client, shop: Shop
) -> None:
    photo = shop.photo_bytes(PHOTO)

    misnamed = whole.post("/v1/search", files={"image": photo})
    as_text = whole.post("/v1/search", data={"photo": "x"}, files={"k": (None, b"3")})
    twice = whole.post("/v1/search", files=[("photo", photo), ("photo", photo)])
    extra = whole.post("/v1/search", files={"photo": photo}, data={"category": "lamps"})

    require_problem(misnamed, 422, "bad-form")
    require_problem(as_text, 422, "bad-form")
    require_problem(twice, 422, "bad-form")
    assert "category" in require_problem(extra, 422, "invalid-input")["what"]


def test_two_questions_at_once_are_refused(whole: httpx.Client, shop: Shop) -> None:
    body = {"listing_id": "lamps/item 13", "vector": shop.vectors[PHOTO].tolist()}

    problem = require_problem(whole.post("/v1/search", json=body), 422, "invalid-input")

    assert "with one of" in problem["what"]


def test_a_filter_that_is_not_there_yet_is_refused_and_not_ignored(whole: httpx.Client) -> None:
    body = {"listing_id": "lamps/item 13", "category": "lamps"}

    problem = require_problem(whole.post("/v1/search", json=body), 422, "invalid-input")

    assert "category" in problem["what"]


@pytest.mark.parametrize("cursor", ["", "x", "garbage", "é", "A" * 400, "====", "AAAA" * 5000])
def test_a_garbage_cursor_is_refused(whole: httpx.Client, cursor: str) -> None:
    require_problem(whole.post("/v1/search", json={"cursor": cursor}), 422, "bad-cursor")


def test_an_altered_cursor_is_refused(whole: httpx.Client) -> None:
    body = {"listing_id": "lamps/item 13", "k": 3}
    cursor = whole.post("/v1/search", json=body).json()["cursor"]
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[40] ^= 1
    altered = base64.urlsafe_b64encode(raw).decode().rstrip("=")

    for text in (altered, cursor[:-9], cursor + "AAAA"):
        require_problem(whole.post("/v1/search", json={"cursor": text}), 422, "bad-cursor")


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(whole: httpx.Client) -> None:
    limit = 32 << 20

    declared = whole.post(
        "/v1/search", files={"photo": b"\xff" * (limit + (1 << 20))}, headers={"Expect": ""}
    )

    problem = require_problem(declared, 413, "too-large")
    assert problem["limit"] == f"{limit + (256 << 10)} bytes (max_photo_bytes)"


def test_a_body_of_unknown_length_is_bounded_too(whole: httpx.Client) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        while sent < 200 << 20:
            sent += 1 << 20
            yield b" " * (1 << 20)

    try:
        response = whole.post(
            "/v1/search", content=endless(), headers={"Content-Type": "application/json"}
        )
    except httpx.TransportError:
        pass  # the API hung up while the rest was being sent, which is right as well
    else:
        require_problem(response, 413, "too-large")
    assert sent < 100 << 20


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("{" + ",".join(f'"a{n}":0' for n in range(300_000)) + "}", "299999 commas"),
        ('{"vector":[' + ",".join(["0"] * 2_000_000) + "]}", "1999999 commas"),
        ('{"vector":' + "[" * 2_000_000, "recursion limit"),
    ],
    ids=["members", "numbers", "depth"],
)
def test_json_of_countless_parts_is_refused_before_it_is_taken_apart(
    whole: httpx.Client, body: str, found: str
) -> None:
    headers = {"Content-Type": "application/json"}

    response = whole.post("/v1/search", content=body, headers=headers)

    problem = require_problem(response, 422, "invalid-input")
    assert found in " ".join((problem["what"], problem["found"]))
    assert len(problem["found"]) < 100


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", '{"' + "x" * 3_000_000 + '":1}'),
        ("application/json", '{"listing_id":"' + "x" * 3_000_000 + '"}'),
        ("application/json", '{"photo":"' + "x" * 3_000_000 + '","k":["x"]}'),
        ("application/json", "x" * 3_000_000),
        (
            "multipart/form-data; boundary=x",
            '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n1\r\n'.format("y" * 4000) * 2
            + "--x--\r\n",
        ),
        (
            "multipart/form-data; boundary=x",
            '--x\r\nContent-Disposition: form-data; name="photo"; filename="{}"\r\n\r\n1\r\n'
            "--x--\r\n".format("y" * 4000),
        ),
        ("x/" + "y" * 30_000, "x"),
    ],
    ids=["member", "value", "beside a photo", "no JSON", "part twice", "file name", "type"],
)
def test_a_refusal_quotes_no_more_than_a_person_reads(
    whole: httpx.Client, kind: str, body: str
) -> None:
    response = whole.post("/v1/search", content=body, headers={"Content-Type": kind})

    assert response.status_code in (415, 422)
    problem = response.json()
    assert all(len(problem[name] or "") <= 1000 for name in ("what", "found", "limit", "remedy"))


def test_a_form_of_countless_parts_is_refused_unread(whole: httpx.Client) -> None:
    part = '--x\r\nContent-Disposition: form-data; name="k{}"\r\n\r\n1\r\n'
    body = "".join(map(part.format, range(100_000))) + "--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    response = whole.post("/v1/search", content=body, headers=headers)

    problem = require_problem(response, 422, "bad-form")
    assert "more than 32 parts" in problem["found"]


def test_a_body_that_drips_takes_nobodys_place_and_is_cut_off(start_api: StartApi) -> None:
    api = start_api(upload_timeout_s=3, max_concurrent_queries=1)

    with uploading(api, size=1000) as dripping:
        meanwhile = api.post("/v1/search", json={"listing_id": "no"})
        answer = dripping.recv(65536).decode()

    assert meanwhile.status_code == 404
    assert answer.startswith("HTTP/1.1 400 ")  # 408 would be sent again by a browser
    assert "urn:photosearch:slow-body" in answer
    assert "connection: close" in answer.lower()


def test_all_bodies_that_are_on_their_way_are_bounded_together(start_api: StartApi) -> None:
    api = start_api(max_concurrent_queries=1, max_photo_bytes=1 << 20)
    part = b" " * (700 << 10)

    with uploading(api, size=1 << 20) as first:
        first.sendall(part)
        time.sleep(0.5)
        with uploading(api, size=1 << 20) as second:
            second.sendall(part)
            refused = second.recv(65536).decode()
    after = api.post("/v1/search", json={"listing_id": "no"})

    assert refused.startswith("HTTP/1.1 429 ")
    assert "max_concurrent_queries times max_photo_bytes" in refused
    assert after.status_code == 404


@contextmanager
def uploading(api: httpx.Client, size: int) -> Iterator[socket.socket]:
    """A connection on which a search's body of ``size`` bytes is to come."""
    head = "POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection((api.base_url.host, api.base_url.port or 80)) as connection:
        connection.settimeout(20)
        connection.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
        yield connection


def test_a_forged_cursor_with_a_monstrous_vector_is_refused(
    whole: httpx.Client, shop: Shop
) -> None:
    vector = np.full_like(shop.vectors[PHOTO], 3e38)
    position = Position("x", shop.fingerprint, frozenset([mark_of("a")]))

    response = whole.post("/v1/search", json={"cursor": write_cursor(position, vector)})

    require_problem(response, 422, "bad-cursor")


def test_unknown_paths_and_methods_are_problems_too(whole: httpx.Client) -> None:
    assert "/v1/nothing" in require_problem(whole.get("/v1/nothing"), 404, "no-such-path")["found"]
    require_problem(whole.get("/v1/search"), 405, "wrong-method")
    require_problem(whole.get("/v1/photos/no.jpg"), 404, "unknown-photo")
    require_problem(whole.get("/v1/listings/no"), 404, "unknown-listing")
    require_problem(whole.get("/v1/samples?count=0"), 422, "invalid-input")
    require_problem(whole.get(f"/v1/photos/{PHOTO}?size=99999"), 422, "invalid-input")


def test_a_client_that_hangs_up_is_no_failure_of_the_api(
    whole: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    head = "POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    host, port = whole.base_url.host, whole.base_url.port

    with socket.create_connection((host, port or 80)) as leaving:
        leaving.sendall(f'{head}Content-Length: 1000\r\n\r\n{{"url"'.encode())
        time.sleep(0.3)
    whole.get("/healthz")
    time.sleep(0.3)

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
