"""Telling others of what happened: each event at least once, and those of one upload in their order."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from tusd_py import observe
from tusd_py.model.events import Event
from tusd_py.ports.events import Outbox
from tusd_py.ports.locks import Held, Locker, other_lock

#: Lock of the process that delivers; the others stand by.
_LOCK: Final = other_lock("delivery")
#: How often the outbox is looked at: another process writes into it, too.
_POLL_S: Final = 0.25
#: Events that are read in one go, and uploads that are told of at once.
_BATCH: Final = 100
_AT_ONCE: Final = 32
#: Events that are held, as there may be very many after an outage: new ones, and those of uploads whose
#: first event has failed.
_MOST_NEW: Final = 1000
_MOST_FAILING: Final = 5000
#: Wait after a failure; it doubles with each, up to the longest.
_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 300.0
_MOST_DOUBLINGS: Final = 16
#: Wait after an error of the catalog or the locks.
_AFTER_ERROR_S: Final = 1.0


def wait_after(failures: int) -> float:
    """Return how long to wait, in seconds, before telling again of what failed after so many failures."""
    # No higher power: after four days of failures it would be too large for a float.
    return min(_FIRST_WAIT_S * 2.0 ** min(failures, _MOST_DOUBLINGS), _LONGEST_WAIT_S)


@dataclass(slots=True)
class _Upload:
    """The events of one upload that wait, and how often the first of them has failed."""

    events: deque[Event] = field(default_factory=deque)
    failures: int = 0


@dataclass(slots=True, kw_only=True)
class Delivery:
    """Delivers the events of the outbox for as long as it runs, in one process at a time.

    What fails is tried again, later each time, and holds up the events of its own upload only. What was
    delivered and not marked, because the process died in between, is delivered again.
    """

    outbox: Outbox
    locker: Locker
    tell: Callable[[Event], Awaitable[None]]
    _uploads: dict[str, _Upload] = field(default_factory=dict, init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _delivered: list[int] = field(default_factory=list, init=False)
    _read_to: int = field(default=0, init=False)
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE), init=False)

    async def run(self) -> None:
        """Deliver until it is cancelled; stand by while another process does."""
        while True:
            try:
                async with self.locker.hold_if_free(_LOCK) as held:
                    if held:
                        await self._run_while(held)
            except Exception:  # a medium that does not answer; it may do so later
                observe.LOGGER.exception("EventsNotDelivered")
                await asyncio.sleep(_AFTER_ERROR_S)
            await asyncio.sleep(_POLL_S)

    async def _run_while(self, held: Held) -> None:
        self._uploads.clear()
        self._read_to = 0
        try:
            while not held.is_lost:
                if not await self._take_and_mark():
                    await asyncio.sleep(_POLL_S)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            with suppress(Exception):  # they are delivered again
                await self._mark()

    async def _take_and_mark(self) -> bool:
        """Mark what was delivered and take what is new; return whether there may be more of it."""
        try:
            await self._mark()
            return await self._read()
        except Exception:  # a full medium; what was delivered is marked later
            observe.LOGGER.exception("EventsNotRead")
            await asyncio.sleep(_AFTER_ERROR_S)
            return False

    async def _mark(self) -> None:
        """Say of what was delivered since the last time that it was."""
        positions = list(self._delivered)
        if positions:
            await self.outbox.delivered(positions)
            del self._delivered[: len(positions)]

    async def _read(self) -> bool:
        """Take what is new, if there is room; return whether there may be more of it."""
        counts = Counter[bool]()
        for each in self._uploads.values():
            counts[each.failures > 0] += len(each.events)
        if counts[False] >= _MOST_NEW or counts[True] >= _MOST_FAILING:
            return False
        events = await self.outbox.pending(after=self._read_to, limit=_BATCH)
        for event in events:
            self._read_to = event.position
            upload_id = event.upload.id
            waiting = self._uploads.get(upload_id)
            if waiting is None:
                waiting = self._uploads[upload_id] = _Upload()
                self._start(upload_id, waiting)
            waiting.events.append(event)
        return len(events) == _BATCH

    def _start(self, upload_id: str, waiting: _Upload) -> None:
        task = asyncio.create_task(self._deliver_all(upload_id, waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_all(self, upload_id: str, waiting: _Upload) -> None:
        await asyncio.sleep(0)  # the first event is just being added
        while waiting.events:
            async with self._free:
                is_told = await self._is_told(waiting.events[0])
            if is_told:
                self._delivered.append(waiting.events.popleft().position)
                waiting.failures = 0
            else:
                await asyncio.sleep(wait_after(waiting.failures))
                waiting.failures += 1
        del self._uploads[upload_id]

    async def _is_told(self, event: Event) -> bool:
        try:
            await self.tell(event)
        except Exception as error:  # the transport's log says why
            observe.log(
                "EventNotDelivered", id=event.upload.id, type=event.type.value, error=type(error).__name__
            )
            return False
        return True
