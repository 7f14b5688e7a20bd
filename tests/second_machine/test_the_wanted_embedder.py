"""Which embedder is wanted is the same on every machine, whatever each one's settings say."""

from collections.abc import Callable
from typing import Any

import pytest

from photosearch.repository.wanted_embedder import told_overruled
from photosearch_assets.steps import build_embedder
from photosearch_assets.steps.context import StepContext
from tests.assets.by_hand import due, run_step, want_embedder
from tests.assets.conftest import Shop
from tests.embedder.own_networks import write_means
from tests.second_machine.conftest import Machines


@pytest.fixture
def differing(machines: Machines) -> Machines:
    """The second machine's settings ask for another network than the first's."""
    network = str(write_means(machines.first.root / "means.onnx"))
    machines.configure(
        {"embedder_network": network, "embedder_precision": "float32"},
        embedder_network="efficientnet_lite0",
    )
    machines.first.list_hours(1)
    return machines


def embedder(machine: Shop) -> str:
    with StepContext(machine.settings) as context:
        return context.fingerprint


def test_machines_of_different_settings_do_not_take_head_from_one_another(
    differing: Machines,
) -> None:
    [first] = run_step(differing.first, "embedder")

    for machine in (differing.second, differing.first, differing.second):
        assert not due(machine).embedder
        [result] = run_step(machine, "embedder")
        assert not result.done
        assert embedder(machine) == first.version

    with StepContext(differing.second.settings) as context:
        told = told_overruled(differing.second.settings, context.repository)
    assert told is not None
    assert "means.onnx" in told


def test_of_two_machines_that_make_the_first_embedder_at_once_one_decides(
    differing: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    make: Callable[..., Any] = build_embedder.make
    made: list[str] = []

    def make_while_another_does(*given: Any) -> Any:
        mine = make(*given)
        with monkeypatch.context() as patch:
            patch.setattr(build_embedder, "make", make)
            [other] = run_step(differing.first, "embedder")
        made.extend([mine.version, str(other.version)])
        return mine

    monkeypatch.setattr(build_embedder, "make", make_while_another_does)

    [result] = run_step(differing.second, "embedder")

    mine, others = made
    assert mine != others
    assert result.version == others
    assert embedder(differing.first) == embedder(differing.second) == others


def test_a_switch_on_one_machine_holds_on_the_other(differing: Machines) -> None:
    run_step(differing.first, "embedder")
    wanted = want_embedder(differing.second)

    run_step(differing.first, "embedder")

    assert embedder(differing.first) == embedder(differing.second) == wanted
    assert not due(differing.first).embedder
