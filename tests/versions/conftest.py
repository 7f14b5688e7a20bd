"""A small shop under Dagster, as the tests of the assets have it."""

from tests.assets.conftest import context, instance, materialize, shop

__all__ = ["context", "instance", "materialize", "shop"]
