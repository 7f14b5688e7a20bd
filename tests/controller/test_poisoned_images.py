"""An image of other content under a Serving's tag: nobody serves it, and the honest one returns."""

import json
import time

import pytest

from index_grpc.server.loading import ServingRefused, load_serving
from index_grpc.serving.opening import open_desk
from index_grpc.serving.serving import Serving
from photosearch.repository.integrity import file_entry
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings
from photosearch_operations.verify.images import damaged_images
from tests.controller.conftest import Deployment
from tests.controller.made_repository import FINGERPRINT, MadeRepository
from tests.oci import poison

HOUR, NEXT = "hourly/2026-11-23T00", "hourly/2026-11-23T01"


def test_an_image_that_took_a_tag_is_never_asked_for(deployment: Deployment) -> None:
    deployment.made.hour(HOUR)
    [serving] = deployment.reconciler.compare().unbuilt
    builder, repository = deployment.reconciler.builder, deployment.reconciler.repository
    evil = poison.put_poisoned(serving, repository, builder, poison.other_rows)

    deployment.settle()

    [endpoint] = deployment.endpoints
    assert endpoint.image not in (None, evil)
    assert deployment.finds(HOUR)
    assert deployment.refused == []
    assert list(damaged_images(deployment.settings)) == []


def test_one_that_is_asked_for_is_refused_by_its_window_and_built_again(
    deployment: Deployment,
) -> None:
    """As a former release asked for it, or whoever writes Servings by hand."""
    for hour in (HOUR, NEXT):
        deployment.made.hour(hour)
    deployment.settle()
    before = deployment.served()
    made = deployment.made.hour(NEXT, edition=1)
    [serving] = deployment.reconciler.compare().unbuilt
    builder, repository = deployment.reconciler.builder, deployment.reconciler.repository
    evil = poison.put_poisoned(serving, repository, builder, poison.rows_of(NEXT))
    asked = serving.model_copy(update={"image": evil})
    open_desk(deployment.settings).ask(asked)

    limit = time.monotonic() + 120
    while not deployment.refused:  # by the deployer alone: nobody builds meanwhile
        assert time.monotonic() < limit, deployment.status
        deployment.deployer.reconcile()
        time.sleep(0.03)

    [refused] = deployment.refused
    assert (refused.window.key, refused.version) == (NEXT, made.version)
    assert f"the content of version {made.version}" not in refused.reason
    assert "the content of version" in refused.reason
    assert deployment.served() == before
    assert deployment.finds(NEXT)
    deployment.always |= {HOUR, NEXT}

    deployment.settle()
    deployment.until(lambda: deployment.served().get(NEXT) == made.version)

    assert deployment.finds(NEXT, edition=1)
    assert evil not in {endpoint.image for endpoint in deployment.endpoints}
    deployment.until(lambda: deployment.refused == [])
    assert list(damaged_images(deployment.settings)) == []


def test_a_server_is_told_by_the_image_that_it_was_started_from(deployment: Deployment) -> None:
    """What explain looks into is what the server has in memory, not what is asked for since."""
    deployment.made.hour(HOUR)
    deployment.settle()
    [before] = deployment.endpoints
    held = deployment.deployer._held[before.serving]

    held.take_image(held.serving.model_copy(update={"image": "sha256:" + "1" * 64}))
    held.keep(anew=True)

    [endpoint] = deployment.endpoints
    assert endpoint.ready_at > before.ready_at
    assert endpoint.image == before.image


def test_content_of_the_repository_that_does_not_make_its_version_is_refused_by_its_window(
    settings: Settings,
) -> None:
    """A server that is started by hand from the repository, without an image."""
    made = MadeRepository(settings)
    hours = [made.hour(HOUR), made.hour(NEXT)]
    serving = Serving.of(
        [(one.window, one.version) for one in hours if one.window],
        fingerprint=FINGERPRINT,
        quantiser=None,
    )
    rows = made.files(hours[1]) / "rows.jsonl"
    rows.write_text(rows.read_text().replace("listing hourly", "evil of hourly"))
    manifest = rows.parent / "manifest.json"
    told = json.loads(manifest.read_text())
    told["files"][rows.name] = file_entry(rows).model_dump()
    manifest.write_text(json.dumps(told))

    with pytest.raises(ServingRefused, match="is not as it was written") as refused:
        load_serving(serving, Repository.of(settings), recall_target=0.9)

    refusal = refused.value.refusal
    assert (str(refusal.window), refusal.version) == (NEXT, hours[1].version)
