"""A part that is not installed is told by the run that needs it, in one line with its extra."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from index_grpc.index.scann_process import ScannProcess
from photosearch.extras import MODULES, MissingExtra
from photosearch_assets.definitions import load
from photosearch_assets.materialize.materializer import Materializer, _reasons
from photosearch_assets.planning.stages import Stage
from photosearch_assets.steps.__main__ import _run
from photosearch_assets.steps.result import StepResult
from tests.assets.conftest import Shop

_SITE = """
import os, sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.partition(".")[0] in os.environ["HIDDEN_MODULES"].split(",")
        return None if hidden else super().find_spec(name, path, target)

sys.meta_path[:] = [Hiding if finder is PathFinder else finder for finder in sys.meta_path]
"""


class Nobody:
    def photos(self, count: int) -> None:
        pass

    def result(self, result: StepResult) -> None:
        pass


@pytest.fixture(params=MODULES)
def extra(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An extra that is not installed, neither here nor for the processes that are started."""
    modules = MODULES[request.param]
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(_SITE)
    monkeypatch.setenv("HIDDEN_MODULES", ",".join(modules))
    path = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(tmp_path / "site"), path))))
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    return str(request.param)


def failures(shop: Shop, instance: dg.DagsterInstance) -> list[str]:
    work = Materializer(shop.settings, instance, Nobody())
    list(work.run())
    return work.summary.failed_runs


@pytest.mark.parametrize("runner", ["in_process", "subprocess"])
@pytest.mark.parametrize("extra", ["torch"], indirect=True)
def test_a_step_names_the_extra_in_the_report(
    shop: Shop, instance: dg.DagsterInstance, runner: str, extra: str
) -> None:
    shop.configure(embedder_network="torchvision:mobilenet_v3_small", step_runner=runner)
    shop.list_hours(1, photos=1)

    [told] = failures(shop, instance)

    assert told.startswith("embedder: the network torchvision:mobilenet_v3_small needs packages")
    assert told.endswith("; pip install 'photosearch[torch]'")
    assert "\n" not in told


def importing(module: str) -> object:
    """A step that imports what it needs only as it works."""

    def step(_windows: object, _context: object) -> Iterator[StepResult]:
        __import__(module)
        yield from ()

    return step


def test_whatever_a_step_imports_is_named(
    shop: Shop, instance: dg.DagsterInstance, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if extra == "assets":  # without it there are no steps
        return
    step = importing(MODULES[extra][0])
    monkeypatch.setattr("photosearch_assets.runners.in_process.own_step", lambda _name: step)
    job = load().resolve_implicit_global_asset_job_def()

    ended = job.execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey("embedder")], raise_on_error=False
    )

    [told] = _reasons(Stage("embedder", ("embedder",)), (), ended)
    assert told.endswith(f"; pip install 'photosearch[{extra}]'")
    assert "\n" not in told


def test_a_process_of_a_step_tells_it(
    shop: Shop, extra: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = importing(MODULES[extra][0])
    monkeypatch.setattr("photosearch_assets.steps.__main__.own_step", lambda _name: step)
    told: list[str] = []

    code = _run("build_embedder", [], None, lambda _: None, tell=told.append)

    assert code == 1
    assert told[0].endswith(f"; pip install 'photosearch[{extra}]'")
    assert capsys.readouterr().err == f"error: {told[0]}\n"


@pytest.mark.parametrize("extra", ["index"], indirect=True)
@pytest.mark.parametrize("work", ["train", "encode"])
def test_the_process_of_scann_names_the_extra(extra: str, tmp_path: Path, work: str) -> None:
    told = pytest.raises(MissingExtra, match=r"scann; pip install 'photosearch\[index\]'")
    with ScannProcess() as scann, told:
        scann.ask("an hour", do=work, vectors="x", leaves=1, out=str(tmp_path), dataset="y")
