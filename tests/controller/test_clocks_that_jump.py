"""The clock of the machine that serves is set, forwards or back, while it serves."""

from datetime import timedelta

from tests.controller.conftest import Deployment

DAY = "daily/2026-11-22"
TODAY = "daily/2026-11-23"
HOURS = [f"hourly/2026-11-23T{hour:02}" for hour in range(14)]


def test_a_day_made_ahead_of_its_time_gives_way_when_the_clock_is_right(
    deployment: Deployment,
) -> None:
    made = deployment.made
    for hour in HOURS:
        made.hour(hour, 20 if hour == HOURS[3] else 0)
    deployment.ahead = timedelta(days=3)
    made.glue(TODAY)
    deployment.settle()
    assert deployment.served().keys() == {TODAY}

    deployment.ahead = timedelta()
    deployment.settle()

    assert deployment.served().keys() == {*HOURS}
    assert deployment.finds(HOURS[3])


def test_nothing_goes_before_its_successor_though_the_deployers_clock_is_behind(
    deployment: Deployment,
) -> None:
    deployment.made.day(DAY, hours=[3])
    deployment.made.hour(HOURS[0])
    deployment.settle()
    deployment.deployer_ahead = -timedelta(days=30)
    deployment.always = {DAY, HOURS[0]}

    deployment.made.hour(HOURS[1])
    deployment.until(lambda: HOURS[1] in deployment.served())
    deployment.settle()

    assert deployment.served().keys() == {DAY, *HOURS[:2]}


def test_a_pause_that_a_clock_ahead_began_does_not_outlast_it(deployment: Deployment) -> None:
    made = deployment.made
    deployment.ahead = timedelta(days=3)
    manifest = made.hour(HOURS[0])
    files = made.files(manifest)
    whole = (files / "vectors.npy").read_bytes()
    made.flip_a_bit(manifest)
    deployment.until(lambda: bool(deployment.refused))
    (files / "vectors.npy").write_bytes(whole)

    deployment.ahead = timedelta()
    deployment.settle()

    assert deployment.served() == {HOURS[0]: manifest.version}
