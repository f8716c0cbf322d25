"""Space kept aside, so that what frees space can be recorded on a full medium.

SQLite writes to its log even to forget a row. Without this a full disk could not be emptied through us.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, TypeVar

from tusd_py.adapters.catalog_sqlite.writer import translate
from tusd_py.errors.server import StorageFull

_T = TypeVar("_T")

#: Enough to forget a session of as many chunks as the default allows (2 MiB of log), and some.
SIZE: Final = 4 << 20
#: Given up first; each next step is as large as what was given up so far. Somebody else may be quicker
#: to use what we let go of, so there is more than one try.
_FIRST_STEP: Final = SIZE >> 4
#: Nothing is kept aside on a medium that has less than this: it would be no help to fill it up ourselves.
_MIN_FREE: Final = 4 * SIZE


class Ballast:
    """A file beside the catalog's, given back step by step; all processes share it."""

    def __init__(self, catalog_file: Path) -> None:
        self._catalog_file = catalog_file
        self._file = catalog_file.with_suffix(".ballast")
        self._is_short = False  # as far as this process knows

    async def with_room(self, commit: Callable[[], Awaitable[_T]]) -> _T:
        """Return the result of ``commit``, repeated with more space as long as there is none.

        Raises StorageFull: The last ballast did not help.
        """
        is_first = True
        while True:
            try:
                return await commit()
            except StorageFull:
                if not is_first and not await asyncio.to_thread(self.give_back):
                    raise
            is_first = False
            # What is in the log for good need not stay there: SQLite can write it again from its start,
            # and nobody else can have that space.
            await asyncio.to_thread(self._empty_log)

    def with_room_at_once(self, call: Callable[[], _T]) -> _T:
        """Return the result of ``call``, as ``with_room`` does; SQLite needs space even to open a catalog."""
        while True:
            try:
                return call()
            except sqlite3.OperationalError as error:
                if not (isinstance(translate(error), StorageFull) and self.give_back()):
                    raise

    def give_back(self) -> bool:
        """Give some of it up; whether there was any left."""
        self._is_short = True
        try:
            fd = os.open(self._file, os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            size = os.fstat(fd).st_size
            step = max(SIZE - size, _FIRST_STEP)
            os.ftruncate(fd, max(0, size - step))
        finally:
            os.close(fd)
        return size > 0

    def refill(self) -> None:
        """Make it as large as it should be, if there is room for that."""
        with suppress(OSError):
            fd = os.open(self._file, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                free, size = os.fstatvfs(fd), os.fstat(fd).st_size
                if size < SIZE and free.f_bavail * free.f_frsize >= _MIN_FREE:
                    _fill(fd, size)
                self._is_short = os.fstat(fd).st_size < SIZE
            finally:
                os.close(fd)

    async def refill_if_short(self) -> None:
        """Do so if this process gave some of it up."""
        if self._is_short:
            await asyncio.to_thread(self.refill)

    def _empty_log(self) -> None:
        with suppress(sqlite3.Error), closing(sqlite3.connect(self._catalog_file, timeout=1)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _fill(fd: int, size: int) -> None:
    """Make the file SIZE bytes of real space, or leave it as it was."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, size, SIZE - size)
        elif os.pwrite(fd, os.urandom(SIZE - size), size) != SIZE - size:
            os.ftruncate(fd, size)
    except OSError:
        os.ftruncate(fd, size)
