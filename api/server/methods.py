"""Which methods a path takes: for HEAD, OPTIONS and the Allow of a 405."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match
from starlette.types import Scope


def allowed(routes: Iterable[BaseRoute], scope: Scope) -> list[str]:
    """The methods of the path in ``scope``, sorted; none if there is nothing at the path."""
    methods: set[str] = set()
    for route in routes:
        if route.matches(scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or {"GET"}  # files that are mounted
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods | {"OPTIONS"}) if methods else []
