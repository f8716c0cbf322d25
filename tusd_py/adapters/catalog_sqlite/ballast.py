"""Reserves space for the catalog, so that deletions can be recorded on a full disk.

SQLite writes to its log even to delete a row. Without this, a full disk could not be emptied by deleting
uploads.
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

#: Bytes. Deleting a session with the default's most chunks needs 2 MiB of log.
SIZE: Final = 4 << 20
#: Bytes released first; each next step releases as much as all before. Another writer may take what is
#: released, so there is more than one try.
_FIRST_STEP: Final = SIZE >> 4
#: Nothing is reserved on a disk with fewer bytes free: filling it up ourselves would not help.
_MIN_FREE: Final = 4 * SIZE


class Ballast:
    """A file beside the catalog, shortened step by step to release space; all processes share it."""

    def __init__(self, catalog_file: Path) -> None:
        self._catalog_file = catalog_file
        self._file = catalog_file.with_suffix(".ballast")
        self._is_short = False  # as far as this process knows

    async def with_room(self, commit: Callable[[], Awaitable[_T]]) -> _T:
        """Return the result of ``commit``; while there is no space, release some and repeat it.

        Raises StorageFull: There was no space after the last step either.
        """
        is_first = True
        while True:
            try:
                return await commit()
            except StorageFull:
                if not is_first and not await asyncio.to_thread(self.give_back):
                    raise
            is_first = False
            # A log that is fully moved into the catalog is overwritten from its start, in space that no other
            # process can take.
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
        """Release some of the reserved space; return whether any was left."""
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
        """Reserve all of the space again, if there is enough."""
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
        """Reserve the space again if this process released some of it."""
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
