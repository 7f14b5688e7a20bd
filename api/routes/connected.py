"""Work for a client that has not left.

A browser that is closed and a client whose patience ends leave behind what they asked for. Its
answer would go nowhere, and a photo that is much work would hold a place that others wait for.
"""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from fastapi import Request

from api.problems.problems import ApiProblem

Result = TypeVar("Result")


async def while_connected(request: Request, work: Coroutine[None, None, Result]) -> Result:
    """What ``work`` returns; it is cancelled when the client leaves. The body has been read.

    Raises:
        ApiProblem: if the client left; nobody hears it.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait({working})
    raise ApiProblem(400, "left", "the client left before its answer", remedy="ask again")


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
