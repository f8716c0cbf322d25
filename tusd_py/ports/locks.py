"""Locks on uploads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import NewType, Protocol

from tusd_py.errors.uploads import UploadLocked
from tusd_py.model.body import StopSignal

#: The name of a lock. An upload's lock is named by its id; other locks have names that no id can have.
LockName = NewType("LockName", str)


def upload_lock(upload_id: str) -> LockName:
    """Return the name of an upload's lock."""
    return LockName(upload_id)


def other_lock(name: str) -> LockName:
    """Return the name of a lock that is not an upload's; it begins with a dot, as no id does."""
    return LockName(f".{name}")


class Held:
    """A lock while somebody holds it.

    A lock in a database ends with its connection, and then another process can take it while its holder
    still works. A locker whose locks can be lost makes one of these for each lock and calls ``lose``.

    Attributes:
        epoch: Where a lock can be lost: greater than that of whoever held it before, and of no other lock, so
            that a catalog can tell a late writer by it. Otherwise always the same.
        stop: The signal that the lock was taken with: requested when somebody else wants it, or has it.
        is_lost: Whether the lock is gone. The holder must change nothing any more.
    """

    __slots__ = ("epoch", "is_lost", "stop")

    def __init__(self, epoch: int, stop: StopSignal) -> None:
        self.epoch = epoch
        self.is_lost = False
        self.stop = stop

    def lose(self) -> None:
        """Record that the lock was lost, and stop the body that is written under it."""
        self.is_lost = True
        self.stop.request()

    def check(self) -> None:
        """Raise UploadLocked if the lock was lost: another request may hold it now."""
        if self.is_lost:
            raise UploadLocked


class Locker(Protocol):
    """Exclusive locks by name, among all requests and worker processes of one data directory.

    A lock ends with its process, however that ends. Reading needs no lock.
    """

    def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Callable[[], Awaitable[object]] | None = None,
    ) -> AbstractAsyncContextManager[Held]:
        """Hold the lock of that name; the value entered tells when it is lost.

        A present holder is asked to stop, through its own signal and in whatever process it runs. Once the
        lock is held, the next request asks through ``stop`` in the same way.

        Args:
            at: The offset from which this request continues; passed to the holder's signal, so that a
                writer that has moved on ignores it. None: the holder must stop wherever it is.
            before_asking: Called each time before a holder is asked to stop: at once, and again while the
                request waits. What it raises ends the wait, so that a request that would be refused anyway
                neither disturbs a writer nor waits.

        Raises:
            UploadLocked: On entering, if the lock was not released within ``timeout_s`` seconds.
        """

    def hold_if_free(self, name: LockName) -> AbstractAsyncContextManager[Held | None]:
        """Hold the lock if it is free, without asking a holder to stop; enters None if it is not free."""
