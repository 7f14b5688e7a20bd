"""The shop of the erasure's tests."""

from tests.assets.conftest import shop
from tests.erasure.conftest import made, made_once

__all__ = ["made", "made_once", "shop"]
