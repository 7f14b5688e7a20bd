"""Where keys are trusted, the deployer serves what they signed, and tells why not the rest."""

from pathlib import Path

import pytest

from controller.local.deployer import LocalDeployer
from index_grpc.serving.not_served import read_troubles
from index_grpc.shipping.reconcile import ServingReconciler
from photosearch.settings.settings import Settings, load_settings
from photosearch_operations.verify.signatures import wrong_signatures
from tests.controller.conftest import Deployment
from tests.oci.keys import PASSWORD, encrypted, make_key

HOUR, NEXT = "hourly/2026-11-23T00", "hourly/2026-11-23T01"


def _set(settings: Settings, **values: str) -> Settings:
    """The same settings with these, also for the processes below."""
    old = settings.file.read_text()
    settings.file.write_text(old + "".join(f"{name} = {value}\n" for name, value in values.items()))
    return load_settings(settings.file)


def _use(deployment: Deployment, settings: Settings) -> None:
    """Build and serve by other settings, as after a restart."""
    deployment.deployer.end_all()
    deployment.settings = settings
    deployment.reconciler = ServingReconciler(
        settings,
        deployment.reconciler.repository,
        deployment.reconciler.builder,
        deployment.reconciler.clock,
    )
    deployment.deployer = LocalDeployer(
        settings, clock=deployment.reconciler.clock, first_retry_of_refused_s=1.0
    )


def test_an_unsigned_image_is_refused_until_the_builder_signs_it(
    deployment: Deployment, tmp_path: Path
) -> None:
    private, public = make_key(tmp_path / "keys")
    deployment.made.hour(HOUR)
    trusting = _set(deployment.settings, trusted_keys=f'["{public}"]')
    _use(deployment, trusting)

    deployment.until(lambda: any(s.reason for s in deployment.status.servings))

    (status,) = deployment.status.servings
    assert "is not signed by a trusted key: found no signature" in (status.reason or "")
    assert deployment.endpoints == []
    deployment.until(lambda: bool(read_troubles(trusting)))
    (trouble,) = read_troubles(trusting)
    assert status.name in trouble.what
    assert HOUR in trouble.what
    assert "refused it" in trouble.reason
    assert "is not signed by a trusted key: found no signature" in trouble.reason
    before = status.name
    deployment.made.hour(NEXT)
    deployment.until(lambda: {one.what.split()[1] for one in read_troubles(trusting)} != {before})
    deployment.until(lambda: len(read_troubles(trusting)) == 1)
    assert before not in read_troubles(trusting)[0].what  # another pack took its place
    (told,) = wrong_signatures(trusting)
    assert "not signed by a trusted key: found no signature" in told

    signing = _set(
        trusting,
        signing_key=f'"{encrypted(private)}"',
        signing_key_password=f'"{PASSWORD}"',
    )
    _use(deployment, signing)
    deployment.settle()

    assert deployment.finds(HOUR)
    deployment.until(lambda: not read_troubles(signing))
    looked_at: list[str] = []
    assert list(wrong_signatures(signing, looked_at=looked_at)) == []
    assert f"1 image signed by {public}" in looked_at[0]


def test_a_key_that_is_trusted_no_more_starts_nothing_and_is_told(
    deployment: Deployment, tmp_path: Path
) -> None:
    old, old_public = make_key(tmp_path / "keys", "old")
    _, new_public = make_key(tmp_path / "keys", "new")
    before = _set(deployment.settings, signing_key=f'"{old}"')
    _use(deployment, before)
    deployment.made.hour(HOUR)
    deployment.settle()
    assert deployment.finds(HOUR)
    looked_at: list[str] = []
    assert list(wrong_signatures(before, looked_at=looked_at)) == []
    assert "1 image signed by" in looked_at[0]

    text = before.file.read_text().replace("signing_key", "# signing_key")
    before.file.write_text(text)
    rotated = _set(before, trusted_keys=f'["{new_public}"]')
    _use(deployment, rotated)
    deployment.until(lambda: any(s.reason for s in deployment.status.servings))

    assert deployment.endpoints == []
    (told,) = wrong_signatures(rotated)
    assert "found a signature by another key" in told

    both = rotated.file.read_text().replace(
        f'["{new_public}"]', f'["{new_public}", "{old_public}"]'
    )
    rotated.file.write_text(both)
    _use(deployment, load_settings(rotated.file))
    deployment.settle()
    assert deployment.finds(HOUR)


@pytest.mark.parametrize("content", [None, "garbage"])
def test_a_trusted_key_that_cannot_be_read_is_told_in_a_line(
    deployment: Deployment, tmp_path: Path, content: str | None
) -> None:
    key = tmp_path / "key.pub.pem"
    if content is not None:
        key.write_text(content)
    _use(deployment, _set(deployment.settings, trusted_keys=f'["{key}"]'))
    deployment.made.hour(NEXT)

    deployment.until(lambda: any(s.reason for s in deployment.status.servings))

    (status,) = deployment.status.servings
    assert f"trusted_keys: {key} is no key" in (status.reason or "")
    assert "\n" not in (status.reason or "")
    (told,) = wrong_signatures(deployment.settings)
    assert "trusted_keys" in told
