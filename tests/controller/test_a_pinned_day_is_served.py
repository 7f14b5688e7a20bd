"""A rollback through placing and deployer: served within seconds, and it stays."""

import time

from controller.seen import ServingState
from photosearch.repository.addresses import Address
from photosearch.windows import Window
from tests.controller.conftest import Deployment

DAY = "daily/2026-11-22"
HOUR = "hourly/2026-11-22T03"


def test_a_day_that_is_rolled_back_answers_again_though_its_hours_go_on(
    deployment: Deployment,
) -> None:
    first = deployment.made.day(DAY)
    deployment.until(lambda: deployment.served() == {DAY: first.version})
    deployment.made.hour(HOUR, rows=5, edition=1)
    second = deployment.made.glue(DAY)
    deployment.until(lambda: deployment.served() == {DAY: second.version})
    deployment.settle()
    deployment.always = {DAY}

    address = Address.index(deployment.made.fingerprint, Window.parse(DAY))
    deployment.made.repository.rollback(address, first.version)
    began = time.monotonic()
    deployment.until(lambda: deployment.served() == {DAY: first.version})
    assert time.monotonic() - began < 15
    deployment.settle()
    assert deployment.finds_day_row()

    deployment.made.hour(HOUR, rows=5, edition=2)  # the pipeline goes on below
    deployment.settle()
    assert deployment.served() == {DAY: first.version}
    assert [s.state for s in deployment.status.servings] == [ServingState.READY]

    deployment.always = set()
    deployment.made.repository.release(address)  # now it is stale, and its hours answer
    deployment.until(lambda: HOUR in deployment.served() and DAY not in deployment.served())
