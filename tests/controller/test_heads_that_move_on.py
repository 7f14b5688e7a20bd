"""Windows that are made faster than images: what was planned is served before the next plan."""

from collections.abc import Callable, Mapping

import pytest

from index_grpc.serving.opening import open_desk
from index_grpc.serving.serving import Serving
from index_grpc.shipping.reconcile import Built, ServingReconciler
from photosearch.oci.opening import open_builder
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings
from tests.controller.made_repository import MadeRepository

HOUR = "hourly/2026-11-22T10"


@pytest.fixture
def made(settings: Settings) -> MadeRepository:
    return MadeRepository(settings)


class Overtaken(ServingReconciler):
    """After each time that it has built, something happens."""

    happens: Callable[[], object]

    def build(self) -> Built:
        built = super().build()
        self.happens()
        return built


def overtaken(settings: Settings, happens: Callable[[], object]) -> Overtaken:
    reconciler = Overtaken(settings, Repository.of(settings), open_builder(settings))
    reconciler.happens = happens
    return reconciler


def asked(settings: Settings) -> Mapping[str, Serving]:
    return open_desk(settings).asked()


def test_what_was_built_is_asked_for_though_every_head_has_moved_on(
    settings: Settings, made: MadeRepository
) -> None:
    versions = [made.hour(HOUR, rows=5).version]
    reconciler = overtaken(
        settings, lambda: versions.append(made.hour(HOUR, edition=len(versions)).version)
    )
    reconciler.build()

    reconciler.ask()
    reconciler.ask()

    [serving] = asked(settings).values()
    assert [served.version for served in serving.windows] == [versions[-2]]
    assert len(versions) == 4  # HEAD is one further, as ever


def test_whoever_asked_meanwhile_is_not_overruled(settings: Settings, made: MadeRepository) -> None:
    made.hour(HOUR, rows=5)
    ServingReconciler.open(settings).build()
    ServingReconciler.open(settings).ask()
    made.hour(HOUR, edition=1)

    def take_all_away() -> None:
        for name in asked(settings):
            open_desk(settings).let_go(name)

    reconciler = overtaken(settings, take_all_away)

    reconciler.ask()

    assert asked(settings) == {}


def test_an_image_that_can_not_be_built_lets_no_other_retire(
    settings: Settings, made: MadeRepository
) -> None:
    made.hour(HOUR, rows=5)
    reconciler = ServingReconciler.open(settings)
    reconciler.build()
    reconciler.ask()
    before = asked(settings)
    made.hour(HOUR, edition=1)
    blobs = settings.state / "registry" / "blobs"
    blobs.rename(blobs.with_name("moved"))
    blobs.write_text("in the way of the folder")

    reconciler.ask()

    assert asked(settings) == before
