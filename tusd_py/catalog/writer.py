"""One SQLite connection for all writes of a process, and one commit for all that wait together."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from tusd_py.errors import StorageFull, UploadError

_T = TypeVar("_T")
Parameters = Sequence[str | int | float | None]


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
        self._jobs: list[_Job] = []
        self._task: asyncio.Task[None] | None = None
        self._is_durable = False

    async def execute(self, sql: str, parameters: Parameters, *, durable: bool = False) -> None:
        """Run one statement; return when it is committed."""
        await self.run(lambda connection: connection.execute(sql, parameters), durable=durable)

    async def run(self, job: Callable[[sqlite3.Connection], _T], *, durable: bool = False) -> _T:
        """Run ``job`` in the thread, by itself within a transaction; return its result when it is committed.

        With ``durable`` the commit survives a power cut. An UploadError that the job raises undoes what it
        did, and only that.
        """
        done: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(job, durable, done))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return await done

    async def close(self) -> None:
        """Commit what waits, then close the connection."""
        if self._task is not None:
            await self._task
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._jobs:
                jobs, self._jobs = self._jobs, []
                try:
                    await loop.run_in_executor(self._thread, self._commit, jobs)
                except Exception as error:
                    for job in jobs:
                        _settle(job, _translate(error))
                else:
                    for job in jobs:
                        _settle(job, job.outcome)
        finally:
            self._task = None

    def _commit(self, jobs: Sequence[_Job]) -> None:
        try:
            self._set_durable(any(job.durable for job in jobs))
            # Jobs may read before they write, so they need the write lock from the start.
            self._connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._run_job(job)
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._connection.execute("ROLLBACK")
            raise

    def _run_job(self, job: _Job) -> None:
        self._connection.execute("SAVEPOINT job")
        try:
            job.outcome = job.run(self._connection)
        except UploadError as refusal:
            self._connection.execute("ROLLBACK TO job")
            job.outcome = refusal
        self._connection.execute("RELEASE job")

    def _set_durable(self, durable: bool) -> None:
        """In WAL mode NORMAL survives the death of the process, FULL a power cut as well."""
        if durable is not self._is_durable:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._is_durable = durable


def _translate(error: Exception) -> Exception:
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return StorageFull()
    return error


def _settle(job: _Job, outcome: Any) -> None:
    if job.done.done():  # the request was cancelled meanwhile
        return
    if isinstance(outcome, Exception):
        job.done.set_exception(outcome)
    else:
        job.done.set_result(outcome)
