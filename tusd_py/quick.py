"""Calls to a medium: where they are made, and that their caller outlasts them.

Quick calls are made on the event loop while the medium is quick, in a thread when it is not.

Making a small file or writing a few KiB into the page cache takes some microseconds; a visit to a thread
costs several times that, most of it the two threads' struggle for the interpreter. A medium that is
overwhelmed or far away takes milliseconds, and then the loop must not wait for it. So we look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final, TypeVar

_T = TypeVar("_T")

#: A call that takes longer than this on the event loop was one too many.
_SLOW_S: Final = 0.003
#: After such a call threads make them, for so long.
_AVOID_FOR_S: Final = 10.0


async def outlast(future: asyncio.Future[_T]) -> _T:
    """Return the result of ``future``, or raise its exception; a cancelled caller, too, waits for its end.

    Whoever holds a lock or a descriptor must not let go of it while a thread still works under it.
    """
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()  # seen: the cancellation is what counts
        raise cancelled
    return future.result()


class Quick:
    """Decides where calls to one medium are made."""

    def __init__(self) -> None:
        self._avoid_until = 0.0

    async def run(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Make a call that takes microseconds on a healthy medium; raise what it raises."""
        started = monotonic()
        if started < self._avoid_until:
            loop = asyncio.get_running_loop()
            return await outlast(loop.run_in_executor(None, call, *arguments))
        try:
            return call(*arguments)
        finally:
            ended = monotonic()
            if ended - started > _SLOW_S:
                self._avoid_until = ended + _AVOID_FOR_S
