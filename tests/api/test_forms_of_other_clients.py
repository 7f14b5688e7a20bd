"""Uploads as other clients than browsers and curl write them: each finds its listing."""

import base64
import quopri
from collections.abc import Callable, Iterator

import httpx
import pytest

from api.query.form import FormError, parse_form
from tests.api.shop import Shop

PHOTO = "lamps/item 13.jpg"
BOUNDARY = "x-3f"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"
K = '--x-3f\r\nContent-Disposition: form-data; name="k"\r\n\r\n1\r\n'


def form(headers: str, content: bytes) -> bytes:
    part = f"--{BOUNDARY}\r\n{headers}\r\n\r\n".encode()
    return K.encode() + part + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def wrapped(photo: bytes) -> bytes:
    return base64.encodebytes(photo).replace(b"\n", b"\r\n")


def photo_part(headers: str, encode: Callable[[bytes], bytes] = bytes) -> Callable[[bytes], bytes]:
    disposition = "Content-Disposition: form-data; name"
    return lambda photo: form(f"{disposition}{headers}", encode(photo))


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "a type and no file name": photo_part('="photo"\r\nContent-Type: image/jpeg'),
    "octets and no file name": photo_part('="photo"\r\ncontent-type: application/octet-stream'),
    "neither type nor file name": photo_part('="photo"'),
    "a file name by RFC 5987 alone": photo_part("=\"photo\"; filename*=UTF-8''na%C3%AFve.jpg"),
    "a file name in pieces": photo_part('="photo"; filename*0="a"; filename*1="b.jpg"'),
    "both file names": photo_part("=photo; filename=\"a.jpg\"; filename*=UTF-8''%C3%A4.jpg"),
    "the name by RFC 5987": photo_part("*=UTF-8''ph%6Fto; filename=\"a.jpg\""),
    "an empty file name": photo_part('="photo"; filename=""'),
    "a part in base64": photo_part(
        '="photo"; filename="a.jpg"\r\nContent-Transfer-Encoding: BASE64', wrapped
    ),
    "a part in quoted-printable": photo_part(
        '="photo"; filename="a.jpg"\r\nContent-Transfer-Encoding: quoted-printable',
        lambda photo: quopri.encodestring(photo),
    ),
    "a part said to be binary": photo_part(
        '="photo"; filename="a.jpg"\r\nContent-Transfer-Encoding: binary'
    ),
    "base64 as a text": photo_part('="photo"', base64.b64encode),
    "base64 as a text of lines": photo_part('="photo"\r\nContent-Type: text/plain', wrapped),
    "a data URL": photo_part(
        '="photo"', lambda photo: b"data:image/jpeg;base64," + base64.b64encode(photo)
    ),
    "a preamble": lambda photo: (
        b"This is a message in MIME.\r\n" + FORMS["an empty file name"](photo)
    ),
    "a preamble of lines": lambda photo: b"\r\n--\r\n--y\r\n" + FORMS["an empty file name"](photo),
    "an epilogue": lambda photo: FORMS["an empty file name"](photo) + b"bye\r\n--x-3f\r\nno",
    "blanks behind boundaries": lambda photo: (
        FORMS["an empty file name"](photo)
        .replace(b"--x-3f\r\n", b"--x-3f \t\r\n")
        .replace(b"--x-3f--\r\n", b"--x-3f-- \r\n")
    ),
}


@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS)
def test_a_form_is_read_however_it_is_written(
    whole: httpx.Client, shop: Shop, body: Callable[[bytes], bytes]
) -> None:
    response = whole.post(
        "/v1/search", content=body(shop.photo_bytes(PHOTO)), headers={"Content-Type": TYPE}
    )

    assert response.status_code == 200, response.text
    assert [one["photo_id"] for one in response.json()["results"]] == [PHOTO]


@pytest.mark.parametrize(
    "encode",
    [
        base64.b64encode,
        base64.encodebytes,
        wrapped,
        base64.urlsafe_b64encode,
        lambda photo: base64.urlsafe_b64encode(photo).rstrip(b"="),
        lambda photo: b"DATA:image/jpeg;base64," + base64.encodebytes(photo),
        lambda photo: b" " + base64.b64encode(photo) + b"\n",
    ],
)
def test_base64_is_read_with_line_breaks_or_without_padding(
    whole: httpx.Client, shop: Shop, encode: Callable[[bytes], bytes]
) -> None:
    text = encode(shop.photo_bytes(PHOTO)).decode()

    response = whole.post("/v1/search", json={"photo": text, "k": 1})

    assert [one["photo_id"] for one in response.json()["results"]] == [PHOTO], response.text


def test_json_may_begin_with_a_byte_order_mark(whole: httpx.Client) -> None:
    body = b'\xef\xbb\xbf{"listing_id": "lamps/item 13"}'
    headers = {"Content-Type": "application/json; charset=utf-8"}

    assert whole.post("/v1/search", content=body, headers=headers).status_code == 200


def test_a_compressed_body_is_refused_by_its_name(whole: httpx.Client) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    response = whole.post("/v1/search", content=b"\x1f\x8b", headers=headers)

    assert response.status_code == 415
    assert response.json()["found"] == "gzip"


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"photo.jpg", "text, neither a file nor base64"), (b"", "the photo is empty")],
)
def test_a_text_that_is_no_photo_is_refused(whole: httpx.Client, content: bytes, what: str) -> None:
    body = FORMS["neither type nor file name"](content)

    response = whole.post("/v1/search", content=body, headers={"Content-Type": TYPE})

    assert response.status_code == 422
    assert what in response.json()["what"]


def bad_forms() -> Iterator[bytes]:
    whole = FORMS["a part in base64"](b"photo")
    yield whole.replace(b"BASE64", b"uuencode")
    yield whole.replace(b"--x-3f--", b"")
    yield b"no form at all"


@pytest.mark.parametrize("body", [*bad_forms()])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(FormError):
        parse_form(TYPE, body)
