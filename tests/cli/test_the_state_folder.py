"""What photosearch makes is its owner's alone."""

import os
import stat
from pathlib import Path

import pytest

from photosearch.files.state_folder import keep_to_owner
from photosearch.settings.installation import load_installation
from photosearch.settings.settings import SETTINGS_FILE


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_a_new_state_folder_is_closed_to_others_under_every_umask(
    tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        assert not keep_to_owner(tmp_path / "state")
    finally:
        os.umask(before)

    assert mode(tmp_path / "state") == 0o700


def test_one_that_was_open_is_closed_once_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / SETTINGS_FILE).touch()
    (tmp_path / ".photosearch").mkdir(mode=0o755)
    monkeypatch.chdir(tmp_path)

    load_installation()
    assert f"{tmp_path}/.photosearch was open to other users" in capsys.readouterr().err
    assert mode(tmp_path / ".photosearch") == 0o700

    load_installation()
    assert capsys.readouterr().err == ""


def test_one_of_another_user_is_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    assert not keep_to_owner(state)
    assert mode(state) == 0o755
