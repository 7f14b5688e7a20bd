"""What a server asks for, taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photosearch.oci.remote.challenges import Challenge, parse_challenges

REALM = "https://tokens.example/token"


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ("", []),
        ("Basic", [Challenge("basic")]),
        ("Negotiate", [Challenge("negotiate")]),
        ('Basic realm="shop"', [Challenge("basic", {"realm": "shop"})]),
        ("BASIC Realm=shop", [Challenge("basic", {"realm": "shop"})]),
        (
            f'Bearer realm="{REALM}",service="shop",scope="repository:a:pull,push"',
            [
                Challenge(
                    "bearer",
                    {"realm": REALM, "service": "shop", "scope": "repository:a:pull,push"},
                )
            ],
        ),
        (
            f'bearer  realm = "{REALM}" ,\tservice=shop , ',
            [Challenge("bearer", {"realm": REALM, "service": "shop"})],
        ),
        (
            'Basic realm="the \\"old\\" shop, north", charset="UTF-8"',
            [Challenge("basic", {"realm": 'the "old" shop, north', "charset": "UTF-8"})],
        ),
        (
            f'Negotiate, Basic realm="a, b", Bearer realm="{REALM}",service="c"',
            [
                Challenge("negotiate"),
                Challenge("basic", {"realm": "a, b"}),
                Challenge("bearer", {"realm": REALM, "service": "c"}),
            ],
        ),
        (
            "Negotiate YII=, Digest realm=x, nonce=y==",
            [Challenge("negotiate"), Challenge("digest", {"realm": "x", "nonce": "y=="})],
        ),
        (
            'Bearer realm="", error="invalid_token"',
            [Challenge("bearer", {"realm": "", "error": "invalid_token"})],
        ),
        ('realm="shop", Basic', [Challenge("basic")]),
        ('Basic realm="one", realm="two"', [Challenge("basic", {"realm": "one"})]),
        (
            'Basic realm="never closed, Bearer',
            [Challenge("basic", {"realm": '"never closed, Bearer'})],
        ),
    ],
)
def test_each_way_to_sign_in_is_read(header: str, challenges: list[Challenge]) -> None:
    assert list(parse_challenges(header)) == challenges


SCHEMES = st.sampled_from(["basic", "bearer", "negotiate"])
NAMES = st.sampled_from(["realm", "service", "scope", "error"])
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)


def written(challenge: Challenge) -> str:
    quoted = (
        (name, value.replace("\\", "\\\\").replace('"', '\\"'))
        for name, value in challenge.parameters.items()
    )
    return f"{challenge.scheme} " + ", ".join(f'{name}="{value}"' for name, value in quoted)


@given(
    st.lists(st.builds(Challenge, SCHEMES, st.dictionaries(NAMES, VALUES, min_size=1)), max_size=4)
)
def test_what_was_written_is_read(challenges: list[Challenge]) -> None:
    header = ", ".join(map(written, challenges))

    assert list(parse_challenges(header)) == challenges


@given(st.text(st.characters(codec="latin-1")))
def test_whatever_a_server_writes_is_no_error(header: str) -> None:
    for challenge in parse_challenges(header):
        assert challenge.scheme == challenge.scheme.lower() != ""
