"""Reading many rows of the catalog: lists and sweeps, over aiosqlite."""

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
    """Opens a connection of its own for each use, with a thread of its own.

    So it holds up neither the event loop nor a writer, and in WAL mode no writer of any process holds it
    up. Nothing is kept between two uses: a thread that waited for the next one would keep the interpreter
    of an application from ending that never closes us.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    async def read(self, job: Callable[[aiosqlite.Connection], Awaitable[_T]]) -> _T:
        """Return the result of ``job``, which gets a connection that only reads.

        All that it reads is of the same moment: what was committed by then. A cancelled caller, too, waits
        until it is over: aiosqlite's thread must not outlive the event loop that it reports to.
        """
        reading = asyncio.create_task(self._read(job))
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            await outlast(reading)
            raise

    async def _read(self, job: Callable[[aiosqlite.Connection], Awaitable[_T]]) -> _T:
        async with aiosqlite.connect(self._file, isolation_level=None, factory=Reader) as connection:
            await connection.execute("PRAGMA query_only = ON")
            await connection.execute("BEGIN")
            return await job(connection)
