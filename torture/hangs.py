"""Processes that stop without ending: each is noticed, replaced, and searches go on."""

import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import psutil

from photosearch.terminal.terminal import say
from torture.history import shown
from torture.shop import Api, Shop

WITHIN_S = 300.0
#: Words of the command lines of what ``photosearch up`` runs.
PARTS = ("photosearch api", "photosearch deployer", "index-server", "dagster")


def torture(shop: Shop, minutes: float) -> Iterator[str]:
    """Stop one part after the other, for at least so many minutes."""
    shop.add(30)
    shop.run("init", "--photos", "photos")
    shop.run("materialize")
    with shop.running() as api:
        ends = time.monotonic() + minutes * 60
        stopped_once = False
        while not stopped_once or time.monotonic() < ends:
            for part in PARTS:
                yield from _stopped(shop, api, part)
            stopped_once = True
        yield from shown(shop, api)


def _stopped(shop: Shop, api: Api, part: str) -> Iterator[str]:
    victims = [one for one in shop.processes() if part in _command(one)]
    if not victims:
        yield f"{part} does not run"
        return
    victim = shop.random.choice(victims)
    with suppress(psutil.NoSuchProcess):
        victim.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    while time.monotonic() < began + WITHIN_S:
        if not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.5)
    else:
        yield f"{part} stood still for {WITHIN_S:.0f} s and was not replaced"
        victim.send_signal(signal.SIGCONT)
    while time.monotonic() < began + WITHIN_S:
        with suppress(httpx.HTTPError):
            if api.search(next(iter(shop.live.values())))["coverage"]["complete"]:
                say(f"{part}: whole again after {time.monotonic() - began:.0f} s")
                return
        time.sleep(0.5)
    yield f"after {part} stood still searches are not whole again within {WITHIN_S:.0f} s"


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
