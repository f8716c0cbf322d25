"""Reading many rows of the catalog: lists and sweeps, over aiosqlite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from tusd_py.adapters.catalog_sqlite.connection import Reader


class Lister:
    """Opens a connection of its own for each use, with a thread of its own.

    So it holds up neither the event loop nor a writer, and in WAL mode no writer of any process holds it
    up. Nothing is kept between two uses: a thread that waited for the next one would keep the interpreter
    of an application from ending that never closes us.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[aiosqlite.Connection]:
        """Give a connection that only reads, and all of the same moment: what was committed by then."""
        async with aiosqlite.connect(self._file, isolation_level=None, factory=Reader) as connection:
            await connection.execute("PRAGMA query_only = ON")
            await connection.execute("BEGIN")
            yield connection
