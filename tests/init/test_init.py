"""``photosearch init`` as a user calls it."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import tomlkit
from PIL import Image
from typer.testing import CliRunner, Result

from photosearch.catalogue.catalogue import Catalogue
from photosearch.cli import command_line
from photosearch.errors import PhotosearchError
from photosearch.init.command import first_seen
from photosearch.settings.settings import SettingsError, load_settings
from photosearch.windows import Granularity, Window

Init = Callable[..., str]
NOVEMBER = datetime(2025, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's current folder, with a folder of two photos."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in [key for key in os.environ if key.startswith("PHOTOSEARCH_")]:
        monkeypatch.delenv(name)
    draw("pics/a.jpg", NOVEMBER)
    draw("pics/shoes/b.jpg", NOVEMBER + timedelta(days=40))
    return tmp_path


def draw(name: str, listed: datetime) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 10), "red").save(name)
    os.utime(name, (listed.timestamp(),) * 2)


def init(*arguments: str) -> str:
    """What the command prints; its error is raised."""
    result: Result = CliRunner().invoke(command_line(["init"]), ["init", *arguments])
    if result.exception is not None:
        raise result.exception
    return " ".join(result.output.split())


def init_within_an_hour(folder: str) -> tuple[str, datetime]:
    """What it prints of a photo that was put there just now, and when the hour of both is over."""
    while True:
        before = Window.holding(Granularity.HOURLY, datetime.now(UTC))
        draw(f"{folder}/new.jpg", datetime.now(UTC))
        said = init("--photos", folder)
        if Window.holding(Granularity.HOURLY, datetime.now(UTC)) == before:
            return said, before.end


def test_a_folder_is_set_up_by_one_command(home: Path) -> None:
    said = init("--photos", "pics")

    settings = load_settings()
    assert settings.photos_url == "pics"
    assert settings.timeline_start == datetime(2025, 11, 1, tzinfo=UTC)
    assert "Listings 2 Photos 2 Scan 2 added, 0 changed, 0 removed" in said
    assert "Listed 2025-11-20 08:00 to 2025-12-30 08:00 UTC" in said
    assert "Timeline since 2025-11" in said
    assert "Next: photosearch materialize, then photosearch up" in said
    assert "photosearch init scans it again" in said


def test_photos_that_were_just_copied_are_found_after_the_hour(home: Path) -> None:
    said, after = init_within_an_hour("pics")

    assert (
        f"Not yet 1 listing of the hour that is not over: found after {after:%Y-%m-%d %H}" in said
    )


def test_a_folder_elsewhere_is_kept_as_an_absolute_path(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "work").mkdir()
    monkeypatch.chdir(home / "work")

    init("--photos", "../pics")

    assert load_settings().photos_url == str(home / "pics")


def test_a_second_init_scans_again_and_keeps_the_users_edits(home: Path) -> None:
    init("--photos", "pics")
    file = home / "photosearch.toml"
    edited = file.read_text().replace("2025-11-01", "2025-12-01")
    file.write_text(f"# mine\nmax_k = 7  # few\n{edited}")
    before = file.read_text()
    draw("pics/c.jpg", NOVEMBER)

    said = init()

    assert file.read_text() == before
    assert "Scan 1 added" in said
    assert "timeline_start = 2025-12-01 00:00:00+00:00, kept" in said
    assert "Left out 2 listings, such as a.jpg: it is from before the timeline's start" in said
    assert "set it to 2025-11-01T00:00:00Z" in said


def test_another_folder_replaces_the_first_and_is_said(home: Path) -> None:
    init("--photos", "pics")
    draw("more/d.jpg", NOVEMBER)

    said = init("--photos", "more")

    assert "photos_url = more, was pics" in said
    assert "1 added, 0 changed, 2 removed" in said
    assert load_settings().photos_url == "more"


def test_what_can_not_be_used_is_reported(home: Path) -> None:
    Path("photosearch.toml").write_text(
        'undated_photos = "leave_out"\nphotos_ignore = ["drafts/"]\n'
    )
    draw("pics/tomorrow.jpg", datetime.now(UTC) + timedelta(days=1))
    draw("pics/epoch.jpg", datetime(1970, 1, 1, tzinfo=UTC))
    draw("pics/drafts/a.jpg", NOVEMBER)
    draw("pics/@eaDir/a.jpg", NOVEMBER)
    Path("pics/phone.heic").touch()
    Path("pics/notes.txt").touch()

    said = init("--photos", "pics")

    assert load_settings().timeline_start == datetime(2025, 11, 1, tzinfo=UTC)
    assert "1 listing, such as tomorrow.jpg: it is from the future" in said
    assert "1 listing, such as epoch.jpg: it is from before the timeline's start" in said
    assert "2 photos without a believable time" in said
    assert f'set undated_photos = "first_seen" in {home}/photosearch.toml' in said
    assert "Passed over .heic files, a format that is not read: 1" in said
    assert "Passed over .txt files, no photos by their bytes: 1" in said
    assert "Passed over @eaDir folders, which a system makes: not entered: 1" in said
    assert "folders that photos_ignore leaves out (drafts/): not entered: 1" in said


def test_reasons_beyond_a_screen_are_counted(home: Path) -> None:
    for number in range(30):
        Path(f"pics/a.x{number}").touch()

    said = init("--photos", "pics")

    assert said.count("Passed over .x") == 12
    assert "Passed over and 18 more, 18 in all" in said


def test_what_could_not_be_read_is_said_before_other_reasons(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        Path(f"pics/a.x{number}").touch()
        Path(f"pics/b.x{number}").touch()
    really = os.scandir
    (home / "pics/locked").mkdir()

    def scandir(path: str) -> object:
        if str(path).endswith("/locked"):
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)
    said = init("--photos", "pics")

    assert "Passed over folders that may not be read: 1" in said
    assert "Passed over and 19 more, 38 in all" in said


def test_a_file_with_a_mark_of_its_order_of_bytes_is_read_and_written(home: Path) -> None:
    file = home / "photosearch.toml"
    file.write_bytes(b"\xef\xbb\xbf# mine\r\napi_port = 8099\r\n")

    init("--photos", "pics")

    assert load_settings().api_port == 8099
    assert "# mine" in file.read_text()
    assert "photos_url" in file.read_text()


# Photos without a time of their own


@pytest.mark.parametrize("year", [1970, 1980, 2099])
def test_photos_without_a_believable_time_are_found_after_the_next_step(
    home: Path, year: int
) -> None:
    for name in ("a", "b"):
        draw(f"zip/{name}.jpg", datetime(year, 1, 1, tzinfo=UTC))

    said = init("--photos", "zip")

    over = Window.holding(Granularity.HOURLY, datetime.now(UTC)).start
    settings = load_settings()
    with Catalogue.open(settings) as catalogue:
        moments = set(catalogue.listing_times().values())
        assert catalogue.outside(settings.timeline_start, over) == []
    assert moments <= {over - timedelta(seconds=1), over - timedelta(seconds=3601)}
    assert "2 by the scan that first saw them" in said
    assert str(year) not in said.replace(str(home), "")
    assert "Next: photosearch materialize, then photosearch up" in said
    init()
    with Catalogue.open(settings) as catalogue:
        assert set(catalogue.listing_times().values()) == moments


def test_left_out_photos_alone_leave_nothing_to_find_and_that_is_said(home: Path) -> None:
    Path("photosearch.toml").write_text('undated_photos = "leave_out"\n')
    draw("zip/a.jpg", datetime(1980, 1, 1, tzinfo=UTC))

    said = init("--photos", "zip")

    assert "timeline_start, set it to" not in said
    assert "Next:" not in said
    assert "No search can find anything yet: the timeline holds no listing" in said

    Path("photosearch.toml").write_text('photos_url = "zip"\n')
    assert "Next: photosearch materialize, then photosearch up" in init()


def test_photos_of_this_hour_alone_are_found_after_it_and_that_is_said(home: Path) -> None:
    said, _ = init_within_an_hour("new")

    assert "Next: photosearch materialize, then photosearch up, both after" in said
    assert "all listings are of the hour that is not over" in said


def test_a_photo_without_a_time_goes_into_the_timeline_though_it_has_just_begun(
    home: Path,
) -> None:
    start = Window.holding(Granularity.MONTHLY, datetime.now(UTC)).end
    now = start + timedelta(minutes=5)
    settings = load_settings(timeline_start=start)

    assert first_seen(settings, now) == now
    assert first_seen(load_settings(), now) == start - timedelta(seconds=1)


def test_a_very_long_timeline_is_warned_of(home: Path) -> None:
    draw("pics/old.jpg", datetime(1999, 5, 5, tzinfo=UTC))

    assert "A later timeline_start" in init("--photos", "pics")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "does not know where the photos are"),
        (["--photos", "nowhere"], "nowhere can't be read: found nothing there"),
        (["--photos", "pics/a.jpg"], "can't be read: found a file"),
        (["--photos", "empty"], "holds no photos"),
        (["--photos", "s3://bucket/photos"], "without a database, the photos have to lie in"),
        (["--database", "shop"], "is no SQLAlchemy URL"),
        (["--database", "mysql://shop"], "lies in SQLite or PostgreSQL: found mysql"),
        (["--database", "sqlite:///shop.db"], "there is no catalogue"),
        (["--database", "postgresql://me:secret@127.0.0.1:1/shop"], "me:***@127.0.0.1:1/shop"),
    ],
)
def test_bad_input_is_named_and_no_file_is_made(
    home: Path, arguments: list[str], message: str
) -> None:
    (home / "empty").mkdir()

    with pytest.raises(PhotosearchError) as caught:
        init(*arguments)

    assert message in str(caught.value)
    assert caught.value.remedy is not None
    assert not (home / "photosearch.toml").exists()


def test_a_settings_file_that_is_no_toml_is_left_alone(home: Path) -> None:
    file = home / "photosearch.toml"
    file.write_text("photos_url = \n")

    with pytest.raises(SettingsError, match="not a TOML file"):
        init("--photos", "pics")

    assert file.read_text() == "photos_url = \n"


# A database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def shop(request: pytest.FixtureRequest, home: Path) -> str:
    """A shop's database with two lamps: one with two photos, one without; a stray photo."""
    url = "sqlite:///shop.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE goods (id INTEGER PRIMARY KEY, title TEXT, price NUMERIC(10, 2),"
            " category TEXT, status TEXT, listed_at TIMESTAMP)",
            "CREATE TABLE photos (id INTEGER PRIMARY KEY, listing_id INTEGER, path TEXT)",
            "INSERT INTO goods VALUES (1, 'Lamp', 10, 'lamps', 'live', '2026-05-05 10:00:00'),"
            " (2, 'Lamp', 10, 'lamps', 'live', '2026-06-05 10:00:00'),"
            " (3, 'Lamp', 10, 'lamps', 'live', NULL)",
            "INSERT INTO photos VALUES (1, 1, 'a.jpg'), (2, 1, 'gone.jpg'), (3, 9, 'b.jpg')",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    return url


def test_a_wrong_table_is_corrected_in_the_file_that_init_wrote(home: Path, shop: str) -> None:
    with pytest.raises(PhotosearchError) as caught:
        init("--database", shop, "--photos", "pics")

    assert "the catalogue has no table 'listings': found goods, photos" in str(caught.value)
    assert f"set listings_table in {home}/photosearch.toml" in str(caught.value)

    file = home / "photosearch.toml"
    file.write_text(file.read_text() + 'listings_table = "goods"\n')
    said = init()

    assert load_settings().timeline_start == datetime(2026, 5, 1, tzinfo=UTC)
    assert "Listings 3 (2 without a photo)" in said
    assert "Photos 2 (1 more have no listing)" in said
    assert "Photos read 1 of 2 tried; photo 'gone.jpg' is missing" in said
    assert "Left out 1 listing, such as 3: it has no time" in said
    assert "1 listing, such as 2: it has no photo" in said
    assert "scans it again" not in said


def test_a_sqlite_url_means_the_same_from_any_folder(home: Path, shop: str) -> None:
    os.environ["PHOTOSEARCH_LISTINGS_TABLE"] = "goods"
    try:
        init("--database", shop)
    finally:
        del os.environ["PHOTOSEARCH_LISTINGS_TABLE"]

    url = str(tomlkit.parse((home / "photosearch.toml").read_text())["database_url"])
    assert url == shop  # of SQLite a path that counts from the file's folder, wherever that goes


def test_a_database_without_a_folder_says_that_photos_are_missing(home: Path, shop: str) -> None:
    (home / "photosearch.toml").write_text('listings_table = "goods"\n')

    said = init("--database", shop)

    assert "say where they lie with --photos DIR" in said
    assert "No search can find anything yet: run 'photosearch init --photos DIR'" in said


def test_a_database_whose_photos_are_elsewhere_leaves_nothing_to_find(
    home: Path, shop: str
) -> None:
    (home / "photosearch.toml").write_text('listings_table = "goods"\n')
    (home / "empty").mkdir()

    said = init("--database", shop, "--photos", "empty")

    assert "Photos read 0 of 2 tried" in said
    assert "No search can find anything yet: correct photos_url or the paths" in said


def test_no_timeline_from_1970_is_proposed_for_a_database(home: Path, shop: str) -> None:
    (home / "photosearch.toml").write_text('listings_table = "goods"\n')
    engine = sa.create_engine(shop)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE goods SET listed_at = '1970-01-01' WHERE id > 1")
    engine.dispose()

    said = init("--database", shop, "--photos", "pics")

    assert "1 photo with" not in said
    assert "2 listings with a time before 1990, which is hardly meant: correct it" in said
    assert "to take in all of them" not in said


def test_a_database_set_before_stays_when_only_the_photos_move(home: Path, shop: str) -> None:
    (home / "photosearch.toml").write_text('listings_table = "goods"\n')
    init("--database", shop)

    said = init("--photos", "pics")

    assert "Photos read 1 of 2 tried" in said
    assert load_settings().database_url is not None


def sell(folder: Path, *listings: tuple[str, ...], photo: str = "a.jpg") -> str:
    """The URL of a shop of (id, price, status, listed_at), in SQL, each with a photo."""
    engine = sa.create_engine(f"sqlite:///{folder}/own.db")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE listings (id, title, price, category, status, listed_at)"
        )
        connection.exec_driver_sql("CREATE TABLE photos (id, listing_id, path)")
        for number, (key, price, status, time) in enumerate(listings):
            connection.exec_driver_sql(
                f"INSERT INTO listings VALUES ({key}, 'Lamp', {price}, 'lamps', {status}, {time})"
            )
            connection.exec_driver_sql(f"INSERT INTO photos VALUES ({number}, {key}, '{photo}')")
    engine.dispose()
    return f"sqlite:///{folder}/own.db"


MAY = "'2026-05-05 10:00:00'"


def test_a_shop_whose_live_listings_are_called_otherwise_is_told_so(home: Path) -> None:
    url = sell(home, *[(str(n), "1", "'active'", MAY) for n in range(3)], ("9", "1", "NULL", MAY))

    said = init("--database", url, "--photos", "pics")

    assert "Status 'active' 3, none 1" in said
    assert "Left out 4 listings, such as 0: its status is 'active', live_status is 'live'" in said
    assert "None of 4 listings may be shown" in said
    assert f"In {home}/photosearch.toml, set it to what your live listings have" in said
    assert "No search can find anything yet: no listing of the timeline may be shown" in said
    assert "photosearch materialize" not in said

    with (home / "photosearch.toml").open("a") as file:
        file.write('live_status = ["active", "new"]\n')
    said = init()

    assert "Left out 1 listing, such as 9: it has no status, live_status is 'active' or" in said
    assert "None of" not in said
    assert "Next: photosearch materialize, then photosearch up" in said


def test_what_is_none_of_a_shops_values_is_counted(home: Path) -> None:
    prices = ("''", "'free'", "NULL", "'$12.50'", "12")
    rows = [(str(n), price, "'live'", MAY) for n, price in enumerate(prices)]
    url = sell(home, *rows, ("NULL", "1", "'live'", MAY), ("7", "1", "'live'", "'May 5'"))

    said = init("--database", url, "--photos", "pics")

    assert "No price 2, such as 0: '' is no number" in said
    assert "Left out 1 listing: it has no id that can be named; give its row an id" in said
    assert "Left out 1 listing, such as 7: its time can't be read: 'May 5'; name a" in said
    assert "Next: photosearch materialize" in said


def test_listings_of_this_hour_alone_are_to_be_made_when_it_is_over(home: Path) -> None:
    now = datetime.now(UTC)
    url = sell(home, ("1", "1", "'live'", f"'{now:%Y-%m-%d %H:%M:%S}'"))

    said = init("--database", url, "--photos", "pics")

    end = Window.holding(Granularity.HOURLY, now).end
    assert f"photosearch up, both after {end:%Y-%m-%d %H:%M} UTC." in said


def test_ids_that_repeat_are_refused_by_name(home: Path) -> None:
    url = sell(home, ("1", "1", "'live'", MAY), ("1", "1", "'live'", MAY))

    with pytest.raises(PhotosearchError, match="ids of listings repeat: 2 rows of 'listings'"):
        init("--database", url, "--photos", "pics")

    assert (home / "photosearch.toml").exists()
