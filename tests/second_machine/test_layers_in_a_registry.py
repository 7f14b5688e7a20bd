"""An erasure on one machine finds what another has put into a registry, named or not."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from index_grpc.shipping.layer_notes import LayerNotes
from index_grpc.shipping.reconcile import reconcile_servings
from photosearch.oci.opening import open_registry
from photosearch.repository.repository import Repository
from photosearch_operations.gc_images import unneeded_images
from tests.assets.conftest import Shop, hours
from tests.erasure.conftest import DAY, make_all
from tests.erasure.test_erase import GONE, erase
from tests.erasure.test_registry import given, still_given
from tests.oci.docker_registry import DockerRegistry, running_registry
from tests.second_machine.conftest import Machines

[HOUR] = hours(1, 1)


@pytest.fixture
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with running_registry(tmp_path_factory.mktemp("docker-registry")) as registry:
        yield registry


@pytest.fixture
def shipped(made: Machines, docker_registry: DockerRegistry) -> Machines:
    """Two editions of the day were shipped on the first machine; of one the image is gone."""
    url = f"oci://{docker_registry.address}/shop/indexes"
    made.configure(registry_url=url, registry_insecure=True)
    assert reconcile_servings(made.first.settings).failed == []
    made.first.list_photo("p98.png", HOUR.start.replace(minute=50))
    make_all(made.first)
    assert reconcile_servings(made.first.settings).failed == []
    return made


def notes(machine: Shop) -> set[str]:
    return LayerNotes(Repository.of(machine.settings).storage).of([HOUR, DAY])


def test_layers_whose_image_is_gone_are_found_on_another_machine_and_noted_no_longer(
    shipped: Machines,
) -> None:
    registry = open_registry(shipped.first.settings)
    before = given(registry)
    list(unneeded_images(shipped.first.settings, timedelta(0), dry_run=False, tell=pytest.fail))
    needles = [GONE.encode()]
    held = still_given(registry, before, *needles)
    assert len(held) == 2
    assert notes(shipped.second) >= set(held)

    receipt = erase(shipped.second)

    assert still_given(registry, before, *needles) == []
    assert {*receipt.layers} == set(held)
    assert notes(shipped.second).isdisjoint(held)
