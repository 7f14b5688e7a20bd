"""The whole way of a photo, through the command line and nothing else."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from index_grpc.serving.opening import open_desk
from photosearch.files.walk import files_below
from tests.journeys.installation import (
    Installation,
    answers,
    argv,
    closed_hour,
    first_listing,
    hard_picture,
    odd_lines_of_logs,
    search,
    wait_for,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def shop(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "shop")


def test_ten_photos_of_one_hour_are_found_by_hard_pictures_of_them(shop: Installation) -> None:
    hour = closed_hour()
    shop.configure()
    names = [shop.draw(number, hour.start) for number in range(10)]

    shop.run("init", "--photos", "photos")
    shop.run("materialize", "--window", hour.key)

    with shop.running("up") as client:
        found = [search(client, hard_picture(number)) for number in range(10)]
        assert [first_listing(answer) for answer in found] == names
        assert {r["window"] for answer in found for r in answer["results"]} == {hour.key}
        assert "10" in shop.run("windows")
        printed = json.loads(shop.run("search", str(shop.photos / names[0]), "--json"))
        assert printed["results"][0]["listing_id"] == names[0]
    assert processes_of(shop) == ""
    names_of_logs = {file.name for file in shop.settings.logs_dir.rglob("*.log")}
    assert {"api.log", "dagster-daemon.log", "deployer.log"} < names_of_logs
    assert len(names_of_logs) > 4  # index servers have theirs
    assert odd_lines_of_logs(shop.settings) == []


def test_a_late_listing_is_found_after_the_next_materialize(shop: Installation) -> None:
    hour = closed_hour()
    shop.configure()
    for number in range(4):
        shop.draw(number, hour.start)
    shop.run("init", "--photos", "photos")
    shop.run("materialize", "--window", hour.key)
    with shop.running("deployer", "api") as client:
        assert first_listing(search(client, hard_picture(4))) != "late"
        before = windows_of(client)

        late = shop.draw(4, hour.start)
        shop.run("init", "--photos", "photos")
        shop.run("materialize", "--window", hour.key)

        wait_for(lambda: windows_of(client) != before)
        answer = search(client, hard_picture(4))
        assert first_listing(answer) == late
        assert len({r["photo_id"] for r in answer["results"]}) == 5


def test_an_index_damaged_in_the_repository_is_served_from_its_image(shop: Installation) -> None:
    with damaged_after_it_was_served(shop) as (client, names, late):
        shop.run("materialize", "--window", closed_hour(2).key)
        wait_for(lambda: first_listing(search(client, hard_picture(4))) == late)

        assert [first_listing(search(client, hard_picture(n))) for n in range(4)] == names


def test_what_is_whole_is_served_beside_an_index_that_no_image_can_be_made_of(
    shop: Installation,
) -> None:
    with damaged_after_it_was_served(shop) as (client, names, late):
        shutil.rmtree(shop.settings.state / "registry")
        printed = shop.run("materialize", "--window", closed_hour(2).key)
        wait_for(lambda: first_listing(search(client, hard_picture(4))) == late)

        # The server that was there before holds the damaged hour in its memory.
        assert [first_listing(search(client, hard_picture(n))) for n in range(4)] == names
        [refused] = open_desk(shop.settings).refused("builder")
        assert refused.window == closed_hour(3)
        assert "vectors.npy" in refused.reason
        assert "vectors.npy" in printed


@contextmanager
def damaged_after_it_was_served(
    shop: Installation,
) -> Iterator[tuple[httpx.Client, list[str], str]]:
    """One hour is served, then a bit of its index flips, then another hour is listed."""
    first, second = closed_hour(3), closed_hour(2)
    shop.configure()
    names = [shop.draw(number, first.start) for number in range(4)]
    shop.run("init", "--photos", "photos")
    shop.run("materialize", "--window", first.key)
    with shop.running("deployer", "api") as client:
        windows = shop.settings.state / "repository/windows"
        [vectors] = windows.glob(f"*/{first.key}/index/*/vectors.npy")
        content = bytearray(vectors.read_bytes())
        content[-1] ^= 1
        vectors.write_bytes(content)
        late = shop.draw(4, second.start)
        shop.run("init", "--photos", "photos")
        yield client, names, late


def test_materialize_goes_on_after_a_kill(shop: Installation) -> None:
    hour = closed_hour()
    shop.configure()
    names = [shop.draw(number, hour.start) for number in range(10)]
    shop.run("init", "--photos", "photos")
    work = shop.start("materialize")
    wait_for(lambda: has_a_manifest(shop.settings.state / "repository"))
    work.kill()
    work.wait()

    shop.run("materialize", "--window", hour.key)

    with shop.running("deployer", "api") as client:
        assert answers(client)
        found = [first_listing(search(client, hard_picture(number))) for number in range(10)]
        assert found == names


def test_a_materialize_in_the_background_of_a_script_ends_by_sigterm(shop: Installation) -> None:
    shop.configure()
    for number in range(40):
        shop.draw(number, closed_hour().start)
    shop.run("init", "--photos", "photos")

    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]  # as a shell does for "command &"
    work = subprocess.Popen(
        [*ignoring, *argv("materialize")], cwd=shop.folder, stdout=subprocess.PIPE, text=True
    )
    wait_for(lambda: has_a_manifest(shop.settings.state / "repository"))
    work.terminate()
    told, _ = work.communicate(timeout=120)

    assert work.returncode == 130
    assert "goes on from here" in told


def windows_of(client: httpx.Client) -> list[tuple[str, str]]:
    """The windows that answer, with their versions."""
    cover = client.get("/v1/windows").json()["cover"]
    return [(window["window"], window["version"]) for window in cover]


def processes_of(shop: Installation) -> str:
    """Command lines that still name the installation's folder."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return "\n".join(line for line in listed.stdout.splitlines() if str(shop.folder) in line)


def has_a_manifest(repository: Path) -> bool:
    return any(file.name == "manifest.json" for file in files_below(repository))
