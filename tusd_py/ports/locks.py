"""What the service needs of a locker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import NewType, Protocol

from tusd_py.errors.uploads import UploadLocked
from tusd_py.model.body import StopSignal

#: What a lock is called. An upload's is called as its id; others have names that no upload can have.
LockName = NewType("LockName", str)


def upload_lock(upload_id: str) -> LockName:
    """Return the name of an upload's lock."""
    return LockName(upload_id)


def other_lock(name: str) -> LockName:
    """Return the name of a lock that is no upload's: it begins with a dot, which no id does."""
    return LockName(f".{name}")


class Held:
    """A lock that somebody holds, for as long as that is so.

    A lock that lives in a database dies with the connection, and then somebody else may have it while its
    holder still works. A locker whose locks can be lost makes one of these for each and calls ``lose``.

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
        """Say that the lock is gone; the body that runs under it is stopped."""
        self.is_lost = True
        self.stop.request()

    def check(self) -> None:
        """Raise UploadLocked if the lock is lost: the upload is somebody else's now."""
        if self.is_lost:
            raise UploadLocked


class Locker(Protocol):
    """Exclusive locks by name, among all requests and all worker processes of one data directory.

    A lock ends with its process, however that dies. Reading needs no lock.
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
        """Hold the lock of that name; what is entered tells when it is lost.

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

    def hold_if_free(self, name: LockName) -> AbstractAsyncContextManager[Held | None]:
        """Hold the lock if nobody has it, asking nobody to stop; enters None when somebody has."""
