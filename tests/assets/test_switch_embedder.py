"""``photosearch embedder use``: what it writes holds once it is written, whatever settings say."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from photosearch.cli import main
from photosearch.repository.addresses import Address
from photosearch.repository.embedder_roles import Role, note
from photosearch.repository.readiness import current_fingerprint, ready_indexes
from photosearch.repository.repository import Repository
from photosearch.repository.storage.folder import FolderStorage
from photosearch.repository.wanted_embedder import WantedEmbedder, read_wanted, want
from photosearch.settings.settings import SETTINGS_FILE, load_settings
from photosearch.terminal.terminal import Terminal
from photosearch.up_command import _tell_overruled
from photosearch.windows import Window
from photosearch_assets.errors import AssetsError
from photosearch_operations.embedder import command
from photosearch_operations.embedder.switch import EmbedderSwitch
from tests.assets.by_hand import run_step
from tests.assets.conftest import START, Shop, hours
from tests.embedder.own_networks import write_means
from tests.repository.artifacts import FINGERPRINT, Shelf


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """One with a current embedder and one before it, where the commands look for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in os.environ:
        if name.startswith("PHOTOSEARCH_"):
            monkeypatch.delenv(name)
    shelf = Shelf(tmp_path / ".photosearch" / "repository", tmp_path / "work")
    recipe = {"network": "before.onnx", "precision": "int8"}
    shelf.publish(b"before", Address.embedders(), version="before", recipe=recipe)
    shelf.made_current(b"network", Address.embedders(), version=FINGERPRINT)
    repository = Repository.of(load_settings())
    note(repository, Role.PREVIOUS, "before")
    return repository


def test_before_the_first_embedder_show_tells_what_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / SETTINGS_FILE).touch()

    with pytest.raises(SystemExit) as ended:
        main(["embedder", "show"])

    assert ended.value.code == 0
    assert "photosearch materialize" in capsys.readouterr().out


def test_settings_that_ask_for_another_embedder_hinder_no_switch_and_are_told_of(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHOTOSEARCH_EMBEDDER_NETWORK", "third.onnx")

    def prepared(*_given: object) -> tuple[bool, bool]:
        return False, False

    monkeypatch.setattr(command, "_catch_up", prepared)
    monkeypatch.setattr(command, "_compare", lambda *_given, **_named: None)
    with pytest.raises(SystemExit) as ended:
        main(["embedder", "use", "--back"])

    assert ended.value.code == 0
    assert current_fingerprint(repository) == "before"
    told = capsys.readouterr().out
    assert "found embedder_network = third.onnx, it was made with embedder_network = before.on" in (
        " ".join(told.split())
    )
    with pytest.raises(SystemExit):
        main(["embedder", "show"])
    assert "third.onnx" in capsys.readouterr().out


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", range(5))
def test_a_switch_killed_between_any_two_writes_is_done_or_not_and_can_be_taken_back(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, point: int
) -> None:
    """The writes: the role of the one before, what is wanted, HEAD, the role of the next."""
    left = point

    def dying(write: Callable[..., Any]) -> Callable[..., Any]:
        def written(*given: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return write(*given, **named)

        return written

    switch = EmbedderSwitch(load_settings())
    switch.prepare_previous()
    with monkeypatch.context() as killing, suppress(Killed):
        killing.setattr(FolderStorage, "replace", dying(FolderStorage.replace))
        switch.switch()

    assert (left < 0) == (point < 4)
    if current_fingerprint(repository) == FINGERPRINT:
        assert point < 3
    else:
        assert EmbedderSwitch(load_settings()).prepare_previous().version == FINGERPRINT


def test_the_next_embedder_lacks_what_only_the_current_one_covers(
    repository: Repository, tmp_path: Path
) -> None:
    """What both lack is nobody's fault, also where one of them lacks more of it."""
    shelf = Shelf(tmp_path / ".photosearch" / "repository", tmp_path / "work")

    def make(fingerprint: str, *numbers: int) -> None:
        for number in numbers:
            hour = Window.parse(f"hourly/2026-11-22T{number:02}")
            shelf.made_current(b"hour", Address.index(fingerprint, hour))

    make(FINGERPRINT, 0, 1, 4, 7)
    make("before", 0, 2, 7)
    switch = EmbedderSwitch(load_settings())
    switch.prepare_previous()

    assert [f"{gap.start:%H}-{gap.end:%H}" for gap in switch.lacks()] == ["01-02", "04-05"]
    make("before", 1, 4)
    assert switch.lacks() == []


@pytest.mark.slow
def test_what_comes_late_while_both_are_compared_is_there_before_the_switch(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing, or a whole hour: after the switch it would be missing until it is made."""
    shop.configure(embedder_precision="float32")
    shop.list_hours(2)
    run_step(shop, "embedder")
    for name in ("images", "embeddings", "hourly_index"):
        run_step(shop, name, hours(0, 2))
    late = START + timedelta(hours=1, minutes=30)

    def compare(*_what: object, **_how: object) -> None:
        shop.list_photo("p99.png", late)

    monkeypatch.setattr(command, "_compare", compare)
    network = str(write_means(shop.root / "means.onnx"))
    command.use(network, back=False, yes=False, prepare_only=False)

    repository = Repository.of(shop.settings)
    fingerprint = current_fingerprint(repository)
    assert fingerprint is not None
    assert repository.manifest(Address.embedders(), fingerprint).recipe["network"] == network
    assert ready_indexes(repository, fingerprint)[hours(1, 1)[0]].rows == 3


def test_a_switch_leaves_the_settings_as_they_are_and_says_what_is_wanted_where_all_see_it(
    repository: Repository,
) -> None:
    said = '# my shop\nembedder_network = "torchvision:resnet50"\napi_port = 8090\n'
    Path("photosearch.toml").write_text(said)
    switch = EmbedderSwitch(load_settings())
    switch.prepare_previous()

    switch.switch()

    assert Path("photosearch.toml").read_text() == said
    wanted, _ = read_wanted(repository.storage)
    assert wanted == WantedEmbedder("before", {"network": "before.onnx", "precision": "int8"})


def test_of_two_switches_at_once_one_is_told_to_try_again(repository: Repository) -> None:
    first, second = EmbedderSwitch(load_settings()), EmbedderSwitch(load_settings())
    for switch in (first, second):
        switch.prepare_previous()
    first.switch()

    with pytest.raises(AssetsError, match="the current embedder changed meanwhile"):
        second.switch()


def test_up_tells_of_settings_that_ask_for_another_embedder_and_of_no_store_that_is_away(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHOTOSEARCH_EMBEDDER_NETWORK", "third.onnx")
    want(repository.storage, WantedEmbedder(FINGERPRINT, {"network": "means.onnx"}), None)

    _tell_overruled(load_settings(), Terminal(soft_wrap=True))

    assert "warning: the settings ask for another embedder" in capsys.readouterr().out
    Path(".photosearch/repository/asked/embedder").write_text("{")
    _tell_overruled(load_settings(), Terminal())
    assert capsys.readouterr().out == ""
