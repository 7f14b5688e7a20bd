"""Which versions are in use outside of the repository.

Index servers, serving images and whatever else may hold a version are known to packages
above this one. They tell it through the entry points ``photosearch.held``, as they bring
their commands: callables that take the settings and give address and version of each.
"""

from collections.abc import Callable, Iterable
from importlib.metadata import entry_points

from photosearch.repository.addresses import Address
from photosearch.settings.settings import Settings

HELD = "photosearch.held"


def held_versions(settings: Settings) -> set[tuple[Address, str]]:
    """Address and version of everything that something outside still uses."""
    found: set[tuple[Address, str]] = set()
    for point in entry_points(group=HELD):
        held: Callable[[Settings], Iterable[tuple[Address, str]]] = point.load()
        found.update(held(settings))
    return found
