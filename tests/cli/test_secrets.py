"""Passwords and tokens are shown nowhere."""

import io
import logging
import os
import stat
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from photosearch.cli import main
from photosearch.settings.file import update_settings_file
from photosearch.settings.settings import SETTINGS_FILE
from photosearch.terminal.masked import masked, masked_text
from photosearch.terminal.printable import PrintableFormatter

SCHEMES = ("postgresql", "postgresql+psycopg2", "s3", "https", "oci", "mysql")
PASSWORD = "Hunter2-q7"
WHOLE = st.sampled_from(SCHEMES)
NAME = st.from_regex(r"[a-z]{1,8}", fullmatch=True)


@given(WHOLE, NAME, st.text(min_size=1, max_size=12), NAME)
def test_a_password_before_the_host_is_never_shown(
    scheme: str, user: str, tail: str, host: str
) -> None:
    password = PASSWORD + tail  # whatever stands in it, also an @ and a slash
    for written in (password, quote(password, safe="")):
        shown = masked(f"{scheme}://{user}:{written}@{host}/name")

        assert PASSWORD not in shown
        assert shown.endswith(f"@{host}/name")


@given(
    WHOLE,
    st.sampled_from(["password", "sslpassword", "X-Amz-Signature", "access_token", "pass%77ord"]),
    NAME,
)
def test_a_secret_in_a_query_is_never_shown(scheme: str, key: str, host: str) -> None:
    url = f"{scheme}://{host}/name?sslmode=require&{key}={PASSWORD}&application_name=shop"

    assert masked(url) == url.replace(PASSWORD, "***")
    assert PASSWORD not in masked_text(f"error sending request for url ({url}): refused")


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql:/shop:{PASSWORD}@db/shop",
        f"postgresql//shop:{PASSWORD}@db/shop",
        f"shop:{PASSWORD}@db/shop",
        f"postgresql://shop:{PASSWORD}",
        f"postgresql://shop:{PASSWORD}@",
        f"postgresql://shop:12/{PASSWORD}@db/shop",
        f"postgresql://shop:a?{PASSWORD}@db/shop",
        f"postgresql://{PASSWORD}:x@[::1/shop".replace("postgresql", "https"),
        f"https://{PASSWORD}@host/",
        f"https://{PASSWORD}:x-oauth-basic@host/",
    ],
)
def test_a_secret_in_a_url_that_is_wrong_is_never_shown(url: str) -> None:
    assert PASSWORD not in masked(url)


@given(st.sampled_from(["sqlite:///", "sqlite:////", "file:///", "gs://"]), NAME)
def test_a_url_without_a_secret_is_shown_whole(start: str, name: str) -> None:
    for url in (f"{start}{name}/a@b", f"{start}{name}?x=1", f"postgresql://{name}@db:5432/shop"):
        assert masked(url) == url
        assert masked(masked(url)) == url


@given(st.text())
def test_masking_is_done_once(text: str) -> None:
    assume("@" not in text)

    assert masked_text(masked_text(text)) == masked_text(text)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("PHOTOSEARCH_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "250")
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out, error = capsys.readouterr()
    return int(ended.value.code or 0), out + error


def test_the_settings_show_no_password(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    urls = {"database_url": "postgresql", "models_url": "s3", "registry_url": "oci"}
    urls |= {"photos_url": "https", "s3_endpoint": "http", "gcs_endpoint": "http"}
    urls |= {"dagster_database_url": "postgresql"}
    for name, scheme in urls.items():
        monkeypatch.setenv(f"PHOTOSEARCH_{name.upper()}", f"{scheme}://shop:{PASSWORD}@host/x")
    for name in ("REGISTRY_PASSWORD", "DATABASE_PASSWORD", "DAGSTER_DATABASE_PASSWORD"):
        monkeypatch.setenv(f"PHOTOSEARCH_{name}", PASSWORD)

    code, text = told(capsys, "settings")

    assert code == 0
    assert PASSWORD not in text
    assert text.count("postgresql://shop:***@host/x") == 2
    assert text.count("***") == 10


@pytest.mark.parametrize(
    "line",
    [
        f'registry_password = ["{PASSWORD}"]',
        f'database_password = ["{PASSWORD}"]',
        f'database_url = ["postgresql://shop:{PASSWORD}@db/shop"]',
        f'max_k = "postgresql://shop:{PASSWORD}@db/shop"',
        f'api_host = "http://shop:{PASSWORD}@db/"',
        f'databaseurl = "postgresql://shop:{PASSWORD}@db/shop"',
        f"database_url = postgresql://shop:{PASSWORD}@db/shop",
    ],
)
def test_an_error_of_the_settings_shows_no_password(
    shop: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / SETTINGS_FILE).write_text(line)

    code, text = told(capsys, "settings")

    assert code == 1
    assert PASSWORD not in text


def test_a_password_that_is_a_number_is_refused_unseen(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / SETTINGS_FILE).write_text("registry_password = 86420975\n")

    code, text = told(capsys, "settings")

    assert code == 1
    assert "86420975" not in text
    assert "in quotes" in text


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (("init", "--database", f"postgresql://shop:{PASSWORD}@127.0.0.1:1/shop"), {}),
        (("init", "--database", f"postgresql:/shop:{PASSWORD}@127.0.0.1:1/shop"), {}),
        (("init", "--database", f"mysql://shop:{PASSWORD}@127.0.0.1:1/shop"), {}),
        (("init", "--database", f"postgresql://127.0.0.1:1/shop?password={PASSWORD}"), {}),
        (("windows", "--url", f"http://shop:{PASSWORD}@127.0.0.1:1"), {}),
        (("verify",), {"MODELS_URL": f"ftp://shop:{PASSWORD}@127.0.0.1:1/x"}),
        (("verify",), {"REGISTRY_URL": f"oci://shop:{PASSWORD}@127.0.0.1:1/x"}),
    ],
    ids=lambda words: " ".join(words).replace(PASSWORD, "…"),
)
def test_an_error_of_a_command_shows_no_password(
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    variables: dict[str, str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"PHOTOSEARCH_{name}", value)

    code, text = told(capsys, *words)

    assert code == 1
    assert "error: " in text or "the registry can't be verified" in text
    assert PASSWORD not in text


def test_a_log_line_shows_no_password() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PrintableFormatter("%(message)s"))
    url = f"http://shop:{PASSWORD}@host/x?token={PASSWORD}"

    handler.emit(logging.LogRecord("x", 40, "x.py", 1, "asked %s", (url,), None))

    assert stream.getvalue() == "asked http://***@host/x?token=***\n"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_settings_file_with_a_password_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / SETTINGS_FILE
    before = os.umask(0o022)
    try:
        update_settings_file(file, {"database_url": "postgresql://shop@db/shop"})
        assert mode(file) == 0o644
        update_settings_file(file, {"database_url": f"postgresql://shop:{PASSWORD}@db/shop"})
        assert mode(file) == 0o600
    finally:
        os.umask(before)


@pytest.mark.parametrize(("umask", "expected"), [(0o000, 0o664), (0o002, 0o664), (0o077, 0o600)])
def test_a_settings_file_is_never_for_all_to_write(
    tmp_path: Path, umask: int, expected: int
) -> None:
    file = tmp_path / SETTINGS_FILE
    before = os.umask(umask)
    try:
        update_settings_file(file, {"database_url": "postgresql://shop@db/shop"})
    finally:
        os.umask(before)

    assert mode(file) == expected
