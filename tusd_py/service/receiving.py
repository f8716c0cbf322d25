"""Telling a hook of bytes while they arrive, and stopping a body that it does not want."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final

from tusd_py import observe
from tusd_py.errors.uploads import UploadStopped
from tusd_py.model.body import StopSignal
from tusd_py.model.upload import Upload
from tusd_py.ports.hooks import Hooks, IncomingRequest
from tusd_py.transfer.meanwhile import meanwhile

#: Most hooks that are told at once of bodies that are over; of more they hear nothing.
_MOST: Final = 100
_UNTOLD: Final = nullcontext()


@dataclass(slots=True)
class _Body:
    """A body that is watched: which offset the hook was told last, and what it wants."""

    told: int
    is_telling: bool = False
    stopped: UploadStopped | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiving:
    """Tells ``Hooks.receiving`` of the offset now and then, and once more when a body is over."""

    hooks: Hooks
    interval_s: float | None  # None: nobody wants to know
    _telling: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def told(
        self, upload: Upload, offset: int, stop: StopSignal, request: IncomingRequest | None
    ) -> AbstractAsyncContextManager[None]:
        """Tell of a body that is received from ``offset`` on.

        Raises UploadStopped, on leaving: a hook does not want the upload. The body was stopped.
        """
        if self.interval_s is None:
            return _UNTOLD
        stop.position = offset
        return self._told(upload, stop, request, self.interval_s)

    @asynccontextmanager
    async def _told(
        self, upload: Upload, stop: StopSignal, request: IncomingRequest | None, interval_s: float
    ) -> AsyncIterator[None]:
        body = _Body(stop.position)

        async def tell_now_and_then() -> None:
            while body.stopped is None:
                await self._tell(upload, stop, request, body)
                await asyncio.sleep(interval_s)

        with meanwhile(interval_s, tell_now_and_then):
            yield
        if body.stopped is not None:
            raise body.stopped
        if (body.is_telling or stop.position != body.told) and len(self._telling) < _MOST:
            body.told = -1
            # After the answer: what the hook wants comes too late to stop anything.
            task = asyncio.create_task(self._tell(upload, stop, request, body))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell(
        self, upload: Upload, stop: StopSignal, request: IncomingRequest | None, body: _Body
    ) -> None:
        offset = stop.position
        if offset == body.told:
            return
        body.told, body.is_telling = offset, True
        try:
            await self.hooks.receiving(upload, offset, request)
        except UploadStopped as stopped:
            body.stopped = stopped
            stop.request()
        except Exception as error:  # progress is worth no upload
            observe.log("ProgressNotTold", id=upload.id, error=type(error).__name__)
        body.is_telling = False

    async def close(self) -> None:
        """Break off what is still being told."""
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
