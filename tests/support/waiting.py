"""Waiting for what happens elsewhere: in the background, in another thread, in another process."""

import asyncio
import time
from collections.abc import Callable

_PAUSE_S = 0.01


def eventually(done: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait until it is so; fail when it is not in time."""
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline, f"it did not happen within {within_s} s"
        time.sleep(_PAUSE_S)


async def until(done: Callable[[], object], within_s: float = 10.0) -> None:
    """Do the same in an event loop."""
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline, f"it did not happen within {within_s} s"
        await asyncio.sleep(_PAUSE_S)
