"""Telling of events: what fails holds up nothing else, and no error ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.contract.uploads import NOW, single
from tests.support.server import sql
from tests.support.waiting import until
from tusd_py.adapters.catalog_sqlite.catalog import open_catalog
from tusd_py.adapters.catalog_sqlite.events import SqliteOutbox
from tusd_py.adapters.locks_kernel.locker import FileLocker
from tusd_py.model.events import Event, EventType, NewEvent
from tusd_py.ports.locks import Held, LockName
from tusd_py.service.delivery import Delivery, wait_after

pytestmark = pytest.mark.anyio


class LateLocker(FileLocker):
    """Fails once, as the lock manager of a remote medium does that starts again."""

    is_late = True

    @asynccontextmanager
    async def hold_if_free(self, name: LockName) -> AsyncIterator[Held | None]:
        if self.is_late:
            self.is_late = False
            raise OSError("no locks available")
        async with super().hold_if_free(name) as held:
            yield held


@asynccontextmanager
async def delivering(
    place: Path, names: list[str], tell: Callable[[Event], None], locker: FileLocker
) -> AsyncIterator[None]:
    """Deliver the creations of uploads of these names."""
    (place / ".tusd-py").mkdir()
    catalog = await open_catalog(place / ".tusd-py" / "catalog.sqlite3")
    for name in names:
        await catalog.insert(single(name), event=NewEvent(type=EventType.CREATED, at=NOW))

    async def told(event: Event) -> None:
        tell(event)

    locker.open()
    running = asyncio.create_task(Delivery(outbox=SqliteOutbox(catalog), locker=locker, tell=told).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await catalog.close()
        locker.close()


async def test_many_uploads_that_fail_hold_up_no_other(tmp_path: Path) -> None:
    """A receiver that refuses the uploads of one client, for as long as it likes."""
    heard: list[str] = []

    def tell(event: Event) -> None:
        if event.upload.id.startswith("refused"):
            raise ConnectionRefusedError
        heard.append(event.upload.id)

    names = [*(f"refused{number}" for number in range(1200)), "fine"]
    async with delivering(tmp_path, names, tell, FileLocker(tmp_path)):
        await until(lambda: heard == ["fine"])
    assert sql(tmp_path, "SELECT count(*) FROM events") == [(1200,)]


async def test_an_error_of_the_lock_does_not_end_it(tmp_path: Path) -> None:
    heard: list[str] = []
    locker = LateLocker(tmp_path)
    async with delivering(tmp_path, ["one"], lambda event: heard.append(event.upload.id), locker):
        await until(lambda: heard == ["one"])
    assert not locker.is_late


class CountingLocker(FileLocker):
    """Keeps what was held."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.held: list[Held] = []

    @asynccontextmanager
    async def hold_if_free(self, name: LockName) -> AsyncIterator[Held | None]:
        async with super().hold_if_free(name) as held:
            if held is not None:
                self.held.append(held)
            yield held


async def test_it_ends_with_its_lock_and_begins_again(tmp_path: Path) -> None:
    """Another process may be delivering by then."""
    heard: list[str] = []
    locker = CountingLocker(tmp_path)
    async with delivering(tmp_path, ["one"], lambda event: heard.append(event.upload.id), locker):
        await until(lambda: heard == ["one"])
        locker.held[0].lose()
        await until(lambda: len(locker.held) == 2)


async def test_the_wait_grows_to_the_longest_and_no_further() -> None:
    """After 1,024 failures, four days of an outage, two to their power is no float any more."""
    assert [wait_after(failures) for failures in (0, 1, 2, 8)] == [1, 2, 4, 256]
    assert [wait_after(failures) for failures in (9, 100, 5000)] == [300] * 3
