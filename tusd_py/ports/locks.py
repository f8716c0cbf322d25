"""What the service needs of a locker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from tusd_py.model.body import StopSignal


class Locker(Protocol):
    """Exclusive locks by upload id, among all requests and all worker processes of one data directory.

    A lock ends with its process, however that dies. Reading needs no lock.
    """

    def hold(
        self,
        upload_id: str,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Callable[[], Awaitable[object]] | None = None,
    ) -> AbstractAsyncContextManager[None]:
        """Hold the lock of an upload.

        Whoever holds it already is asked to stop through the signal it came with, at once and wherever
        it runs. From then on ``stop`` may be asked in the same way by whoever comes next.

        Args:
            at: The offset from which this request goes on; handed to the holder's signal, so that a
                writer that has moved on ignores it. None: the holder is to stop wherever it is.
            before_asking: Called when somebody holds the lock, each time before that one is asked to
                stop: at once, and again while the wait lasts. What it raises ends the wait; so a request
                that has no prospects disturbs nobody, and one that has lost them does not wait.

        Raises:
            UploadLocked: On entering, when the lock could not be had within ``timeout_s`` seconds.
        """

    def hold_if_free(self, upload_id: str) -> AbstractAsyncContextManager[bool]:
        """Hold the lock if nobody has it, asking nobody to stop; says whether it is held."""
