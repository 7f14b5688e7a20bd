"""A storm of kill -9: of commands half-way, and of what ``photosearch up`` runs."""

import time
from collections.abc import Iterator
from contextlib import suppress

import psutil

from photosearch.terminal.terminal import say
from torture.history import faults
from torture.shop import Shop


def torture(shop: Shop, minutes: float) -> Iterator[str]:
    """Kill for so many minutes, then look at all of it."""
    shop.add(40)
    shop.run("init", "--photos", "photos")
    shop.run("materialize")
    ends = time.monotonic() + minutes * 60
    kills = 0
    up = shop.start("up")
    while time.monotonic() < ends:
        if up.poll() is not None:
            up = shop.start("up")
        kills += _killed_command(shop) if shop.random.random() < 0.7 else _killed_process(shop)
    up.kill()
    shop.end_all()
    yield from faults(shop)
    say(f"{kills} killed")


def _killed_command(shop: Shop) -> int:
    choice = shop.random.random()
    if choice < 0.35:
        shop.add(3)
        arguments = ["init", "--photos", "photos"]
    elif choice < 0.75:
        arguments = ["materialize"]
    elif choice < 0.85 and len(shop.live) > 20:
        listing = shop.random.choice(sorted(shop.live))
        shop.erased[listing] = shop.live.pop(listing)
        arguments = ["erase", listing]
    elif choice < 0.95:
        arguments = ["gc", "--grace-hours", "0"]
    else:
        arguments = ["verify"]
    process = shop.start(*arguments)
    with suppress(Exception):
        process.wait(shop.random.expovariate(1 / 6))
    was_running = process.poll() is None
    process.kill()
    process.wait()
    return was_running


def _killed_process(shop: Shop) -> int:
    running = shop.processes()
    if not running:
        return 0
    with suppress(psutil.NoSuchProcess):
        shop.random.choice(running).kill()
    time.sleep(shop.random.expovariate(1 / 3))
    return 1
