"""Work that would keep the event loop from others, done in a thread.

Every query waits for the loop, so nothing may keep it for more than a millisecond. A hop to a
thread costs a tenth of one: what is short, as most requests are, is done in place.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

IN_PLACE_BYTES = 256 << 10  # hashed, copied or taken apart in less than a millisecond
IN_PLACE_ROWS = 128  # made into models, or written, likewise

_Made = TypeVar("_Made")


async def off_loop(work: Callable[[], _Made], *, if_long: bool) -> _Made:
    """What ``work`` returns or raises; in a thread if it may be long."""
    return await asyncio.to_thread(work) if if_long else work()
