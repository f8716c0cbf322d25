"""Reads many rows of the catalog, for lists and sweeps, with aiosqlite."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite

from tusd_py.adapters.catalog_sqlite.connection import Reader
from tusd_py.transfer.calls import outlast

_T = TypeVar("_T")


class Lister:
    """Opens a connection for each use, with a thread of its own.

    So it blocks neither the event loop nor a writer, and in WAL mode no writer blocks it. Nothing is kept
    between two uses.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    async def read(self, job: Callable[[aiosqlite.Connection], Awaitable[_T]]) -> _T:
        """Return the result of ``job``, which gets a connection for reading.

        All its statements read the same state of the catalog. A cancelled caller still waits until the job
        has ended: aiosqlite's thread must not outlive the event loop that it reports to.
        """
        reading = asyncio.create_task(self._read(job))
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            await outlast(reading)
            raise

    async def _read(self, job: Callable[[aiosqlite.Connection], Awaitable[_T]]) -> _T:
        opening = aiosqlite.connect(self._file, isolation_level=None, factory=Reader)
        # An application may leave its event loop in the middle of this, and never close us. A thread that
        # waited for the next statement would then keep its interpreter from ending.
        opening._thread.daemon = True
        async with opening as connection:
            await connection.execute("PRAGMA query_only = ON")
            await connection.execute("BEGIN")
            return await job(connection)
