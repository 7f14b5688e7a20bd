"""An index that misses its recall on one machine has the quantiser trained on another."""

import pytest

from index_grpc.index.search import SearchParameters
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.recall_gate import has_missed_recall
from tests.assets.by_hand import run_step
from tests.assets.conftest import Shop, hours
from tests.second_machine.conftest import Machines


def test_a_recall_missed_on_one_machine_has_the_quantiser_trained_anew_on_another(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.configure(quantiser_min_photos=100, recall_target=0.5)
    quantiser = _trained(machines.first)

    with monkeypatch.context() as patch:
        patch.setattr(
            "photosearch_assets.steps.recall_gate.measure_recall",
            lambda *_args: SearchParameters(1, 100, 0.31),
        )
        [missed] = run_step(machines.first, "hourly_index", hours(0, 1))
    [trained] = run_step(machines.second, "quantiser")
    [again] = run_step(machines.first, "quantiser")

    assert not missed.published
    assert trained.done
    assert trained.note is not None
    assert trained.note.startswith("an index missed its recall")
    assert trained.version not in (None, quantiser), "another one, though of the same photos"
    assert not again.done, "so one training answers the miss"


def test_what_a_former_release_noted_on_its_own_machine_is_known_to_others_once_it_was_read(
    machines: Machines,
) -> None:
    machines.first.list_hours(1)
    run_step(machines.first, "embedder")
    former = machines.first.settings.state / "missed_recall" / "0123456789abcdef.txt"
    former.parent.mkdir()
    former.write_text("hourly/2026-01-01T00 fedcba9876543210 0.31\n")

    def knows(machine: Shop) -> bool:
        with StepContext(machine.settings) as context:
            return has_missed_recall(context, former.stem)

    assert not knows(machines.second)
    assert knows(machines.first)
    assert knows(machines.second)
    assert not former.exists()


def _trained(machine: Shop) -> str:
    """The version of a first quantiser."""
    machine.list_hours(2, photos=50)
    run_step(machine, "embedder")
    for name in ("images", "embeddings", "hourly_index"):
        run_step(machine, name, hours(0, 2))
    [trained] = run_step(machine, "quantiser")
    assert trained.version is not None
    return trained.version
