"""A finish callable that takes its time: nobody but the request that completed the upload waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import Tus, running
from tests.support.tus import id_of
from tests.support.waiting import until
from tusd_py import Upload

pytestmark = pytest.mark.anyio


class Slow:
    """Ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self, request: object, upload: Upload) -> None:
        self.begun += 1
        await self.may_end.wait()


@asynccontextmanager
async def workers(directory: Path, finish: Slow) -> AsyncIterator[list[Tus]]:
    """Two applications on one directory; the kernel's locks keep them apart as they do processes."""
    async with (
        running(directory, on_upload_finish=finish) as one,
        running(directory, on_upload_finish=finish) as other,
    ):
        yield [one, other]


async def looks(tus: Tus, url: str) -> list[Any]:
    """What those are told who ask meanwhile; the bound is far below the lock time-out of 20 s."""
    async with asyncio.timeout(5):
        head = await tus.head(url)
        get = await tus.get(url)
        view = await tus.request("GET", f"/uploads/{id_of(url)}/")
    return [head.status_code, head.headers["Upload-Offset"], get.status_code, view.json()["state"]]


async def test_whoever_looks_meanwhile_is_answered_at_once(tmp_path: Path) -> None:
    """In the same process and in another one; the callable runs once."""
    finish = Slow()
    async with workers(tmp_path, finish) as (one, other):
        url = await one.create(5)
        last = asyncio.create_task(one.patch(url, 0, b"hello"))
        await until(lambda: finish.begun == 1)
        for tus in (one, other):
            assert await looks(tus, url) == [200, "5", 409, "open"]
        finish.may_end.set()
        assert (await last).status_code == 204
        assert (await other.get(url)).content == b"hello"
        assert finish.begun == 1


async def test_what_a_crash_left_is_finished_behind_the_answer(tmp_path: Path) -> None:
    """However many look at it, in whatever process: the callable runs once, and then it is complete."""
    finish = Slow()
    async with workers(tmp_path, finish) as (one, other):
        url = await one.create(5, b"hell")
        with (tmp_path / id_of(url)).open("ab") as file:
            file.write(b"o")
        for tus in (one, other, one):
            assert await looks(tus, url) == [200, "5", 409, "open"]
        assert finish.begun == 1
        finish.may_end.set()
        await until(lambda: one.sql("SELECT state FROM uploads") == [("complete",)])
        assert (await other.get(url)).content == b"hello"
        assert finish.begun == 1


async def test_what_an_end_broke_off_is_begun_anew(tmp_path: Path) -> None:
    """The server goes down while the callable runs behind an answer: at least once, never lost."""
    finish = Slow()
    async with workers(tmp_path, finish) as (one, _):
        url = await one.create(5, b"hell")
        with (tmp_path / id_of(url)).open("ab") as file:
            file.write(b"o")
        assert (await one.head(url)).status_code == 200
    assert one.sql("SELECT state FROM uploads") == [("open",)]
    finish.may_end.set()
    async with workers(tmp_path, finish) as (one, _):
        await until(lambda: one.sql("SELECT state FROM uploads") == [("complete",)])
        assert (await one.get(url)).content == b"hello"
    assert finish.begun == 2
