"""One SQLite connection for all writes of a process, and one commit for all that wait together."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from tusd_py.errors import StorageFull
from tusd_py.quick import outlast

_T = TypeVar("_T")
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
Parameters = Sequence[str | int | float | None]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row for a statement that takes many."""

    sql: str
    values: Parameters
    durable: bool
    done: asyncio.Future[None]


@dataclass(slots=True)
class _Job:
    """Statements that belong together, and what became of them."""

    run: Callable[[sqlite3.Connection], Any]
    durable: bool
    done: asyncio.Future[Any]
    outcome: Any = None


class Writer:
    """Commits everything that waits at the same moment as one transaction.

    Fifty concurrent creations thus cost one commit and one visit to the thread, and a lone one waits for
    nobody.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # Not a daemon: the interpreter ends it, so an application that never closes us can still exit.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tusd-py-catalog")
        self._rows: list[_Row] = []
        self._jobs: list[_Job] = []
        self._task: asyncio.Task[None] | None = None
        self._is_durable = False

    async def put(self, sql: str, row: Parameters, *, durable: bool = False) -> None:
        """Run ``sql`` for one row; return when it is committed.

        ``sql`` takes a JSON array of rows (``FROM json_each(?)``) and runs once for all rows that wait.
        So a batch enters SQLite once and not once for each row: every entry gives the interpreter away
        and has to win it back from the event loop. Values are those of ``rows``.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rows.append(_Row(sql, row, durable, done))
        self._wake()
        await outlast(done)

    async def run(self, job: Callable[[sqlite3.Connection], _T], *, durable: bool = False) -> _T:
        """Run ``job`` in the thread, by itself within a transaction; return its result when it is committed.

        With ``durable`` the commit survives a power cut. An UploadError that the job raises undoes what it
        did, and only that.
        """
        done: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(job, durable, done))
        self._wake()
        return await outlast(done)

    async def close(self) -> None:
        """Commit what waits, then close the connection."""
        if self._task is not None:
            await self._task
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    def _wake(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._rows or self._jobs:
                rows, self._rows = self._rows, []
                jobs, self._jobs = self._jobs, []
                try:
                    await loop.run_in_executor(self._thread, self._commit, rows, jobs)
                except Exception as error:
                    for done in [*(row.done for row in rows), *(job.done for job in jobs)]:
                        _settle(done, _translate(error))
                else:
                    for row in rows:
                        _settle(row.done, None)
                    for job in jobs:
                        _settle(job.done, job.outcome)
        finally:
            self._task = None

    def _commit(self, rows: Sequence[_Row], jobs: Sequence[_Job]) -> None:
        self._set_durable(any(row.durable for row in rows) or any(job.durable for job in jobs))
        batches: dict[str, list[Parameters]] = {}
        for row in rows:
            batches.setdefault(row.sql, []).append(row.values)
        if len(batches) == 1 and not jobs:  # a statement by itself is a transaction
            self._put(batches)
            return
        try:
            # Jobs may read before they write, so they need the write lock from the start.
            self._connection.execute("BEGIN IMMEDIATE")
            self._put(batches)
            for job in jobs:
                self._run_job(job)
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._connection.execute("ROLLBACK")
            raise

    def _put(self, batches: dict[str, list[Parameters]]) -> None:
        for sql, values in batches.items():
            self._connection.execute(sql, (json.dumps(values),))

    def _run_job(self, job: _Job) -> None:
        self._connection.execute("SAVEPOINT job")
        try:
            job.outcome = job.run(self._connection)
        except Exception as error:
            # Fails, too, when SQLite gave the whole transaction up; then all jobs share the fault.
            self._connection.execute("ROLLBACK TO job")
            job.outcome = _translate(error)
        self._connection.execute("RELEASE job")

    def _set_durable(self, durable: bool) -> None:
        """In WAL mode NORMAL survives the death of the process, FULL a power cut as well."""
        if durable is not self._is_durable:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._is_durable = durable


def _translate(error: Exception) -> Exception:
    """Turn SQLite's ways to say that there is no space into StorageFull.

    Only ENOSPC has a code of its own; a quota and a limit on file sizes come as a failed write.
    """
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in _FULL:
        return StorageFull()
    return error


def _settle(done: asyncio.Future[Any], outcome: Any) -> None:
    if done.done():  # the request was cancelled meanwhile
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
