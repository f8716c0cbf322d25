"""One SQLite connection for what reads many rows: lists and sweeps."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tusd_py.transfer.calls import in_thread

_T = TypeVar("_T")


class Lister:
    """Reads in a thread of its own.

    So it holds up neither the event loop nor a writer, and in WAL mode no writer holds it up, of whatever
    process. It sees everything that was committed before it was asked.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA query_only = ON")
        self._connection = connection
        # Not a daemon: the interpreter ends it, so an application that never closes us can still exit.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tusd-py-lister")

    async def run(self, job: Callable[[sqlite3.Connection], _T]) -> _T:
        """Return the result of ``job``; all that it reads is of the same moment."""
        return await in_thread(self._thread, self._read, job)

    def _read(self, job: Callable[[sqlite3.Connection], _T]) -> _T:
        self._connection.execute("BEGIN")
        try:
            return job(self._connection)
        finally:
            self._connection.execute("ROLLBACK")

    async def close(self) -> None:
        """Close the connection; nothing is asked afterwards."""
        await in_thread(self._thread, self._connection.close)
        self._thread.shutdown()
