"""One SQLite connection for all writes of a process, and one commit for all that wait together."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from aiosqlite import Connection

from tusd_py.errors import StorageFull, UploadError

_T = TypeVar("_T")
Parameters = Sequence[str | int | float | None]


@dataclass(frozen=True, slots=True)
class _Statement:
    """A single statement; those with the same text run as one ``executemany``."""

    sql: str
    parameters: Parameters
    durable: bool
    done: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class _Job:
    """Several statements that belong together and may be refused halfway."""

    run: Callable[[Connection], Awaitable[Any]]
    durable: bool
    done: asyncio.Future[Any]


class Writer:
    """Takes statements and jobs; commits everything that waits at the same moment as one transaction.

    Fifty concurrent creations thus cost one commit, and a lone one costs no waiting.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._statements: list[_Statement] = []
        self._jobs: list[_Job] = []
        self._task: asyncio.Task[None] | None = None
        self._is_durable = False

    async def execute(self, sql: str, parameters: Parameters, *, durable: bool = False) -> None:
        """Run one statement; return when it is committed."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._statements.append(_Statement(sql, parameters, durable, done))
        self._wake()
        await done

    async def run(self, job: Callable[[Connection], Awaitable[_T]], *, durable: bool = False) -> _T:
        """Run ``job`` by itself within a transaction; return its result when it is committed.

        An UploadError that it raises undoes what it did, and only that.
        """
        done: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(job, durable, done))
        self._wake()
        return await done

    async def close(self) -> None:
        """Commit what waits, then close the connection."""
        if self._task is not None:
            await self._task
        await self._connection.close()

    def _wake(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._statements or self._jobs:
                statements, self._statements = self._statements, []
                jobs, self._jobs = self._jobs, []
                await self._commit(statements, jobs)
        finally:
            self._task = None

    async def _commit(self, statements: list[_Statement], jobs: list[_Job]) -> None:
        waiting: list[_Statement | _Job] = [*statements, *jobs]
        try:
            await self._set_durable(any(item.durable for item in waiting))
            if jobs:  # a job may read before it writes, so it needs the write lock from its start
                await self._connection.execute("BEGIN IMMEDIATE")
            for sql in dict.fromkeys(statement.sql for statement in statements):
                rows = [statement.parameters for statement in statements if statement.sql == sql]
                await self._connection.executemany(sql, rows)
            outcomes = [await self._run_job(job) for job in jobs]
            await self._connection.commit()
        except Exception as error:
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                await self._connection.rollback()
            for item in waiting:
                _fail(item.done, _translate(error))
            return
        for statement in statements:
            _succeed(statement.done, None)
        for job, outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, UploadError):
                _fail(job.done, outcome)
            else:
                _succeed(job.done, outcome)

    async def _run_job(self, job: _Job) -> Any:
        await self._connection.execute("SAVEPOINT job")
        try:
            outcome = await job.run(self._connection)
        except UploadError as refusal:
            await self._connection.execute("ROLLBACK TO job")
            outcome = refusal
        await self._connection.execute("RELEASE job")
        return outcome

    async def _set_durable(self, durable: bool) -> None:
        """In WAL mode NORMAL survives the death of the process, FULL a power cut as well."""
        if durable is not self._is_durable:
            await self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._is_durable = durable


def _translate(error: Exception) -> Exception:
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return StorageFull()
    return error


def _fail(done: asyncio.Future[Any], error: Exception) -> None:
    if not done.done():  # the request may have been cancelled meanwhile
        done.set_exception(error)


def _succeed(done: asyncio.Future[Any], result: Any) -> None:
    if not done.done():
        done.set_result(result)
