"""Uploads of very many chunks: what is said of them is right, and others are served while it is found out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.chunks.lab import Api, content_range, problem
from tests.contract.uploads import HELD
from tests.support.tus import sha256
from tusd_py import Config
from tusd_py.assembly import Backends, open_backends
from tusd_py.errors.chunks import RangeOverlap
from tusd_py.model.claims import Granted, Overlap, Wish
from tusd_py.model.commits import Incomplete
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import ChunkState, Ranged, Upload, UploadKind, new_uuid
from tusd_py.service.claims import refusal_of

_T = TypeVar("_T")
COUNT = 3000


@asynccontextmanager
async def many_chunks(directory: Path) -> AsyncIterator[tuple[Backends, str]]:
    """An upload of ``COUNT`` chunks of two bytes; every third one is missing."""
    backends = await open_backends(Config(upload_dir=directory))
    upload = Upload(id=new_uuid(), kind=UploadKind.SESSION, length=6 * COUNT, created_at=0.0, layout=Ranged())
    ranges = backends.service.ports.ranges
    try:
        await ranges.insert_session(upload, HELD, expected_sha256=None, key=None, durable=False)
        await asyncio.gather(*(_received(backends, upload.id, at) for at in range(0, 6 * COUNT, 6)))
        yield backends, upload.id
    finally:
        await backends.close()


async def _received(backends: Backends, upload_id: str, offset: int) -> None:
    for start in (offset, offset + 4):
        await _receive(backends, upload_id, ByteRange(start, start + 2))


async def _receive(backends: Backends, upload_id: str, wanted: ByteRange) -> None:
    ranges = backends.service.ports.ranges
    granted = await ranges.claim(_wish(backends, upload_id, wanted))
    assert isinstance(granted, Granted)
    await ranges.record(granted.chunk, sha256=sha256(b""), at=0.0, expires_at=None, durable=False)


def _wish(backends: Backends, upload_id: str, wanted: ByteRange) -> Wish:
    worker = backends.service.liveness.worker
    return Wish(upload_id=upload_id, range=wanted, chunk_id=new_uuid(), worker=worker, at=0.0)


async def turns_of_others(awaited: Awaitable[_T]) -> tuple[_T, int]:
    """Await something; also return how often another task had its turn meanwhile."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    try:
        return await awaited, turns
    finally:
        task.cancel()


@pytest.mark.anyio
async def test_t16_others_have_their_turn_while_chunks_are_read(tmp_path: Path) -> None:
    async with many_chunks(tmp_path) as (backends, upload_id):
        ports = backends.service.ports
        ranges, catalog = ports.ranges, ports.catalog
        upload = await catalog.get(upload_id)
        assert upload is not None

        async def read() -> list[int]:
            return [each.offset async for each in catalog.chunks(upload)]

        found, turns = await turns_of_others(read())
        assert found == [start for at in range(0, 6 * COUNT, 6) for start in (at, at + 4)]
        assert turns > 10
        some = [each.offset async for each in catalog.chunks(upload, limit=700, offset=301)]
        assert some == found[301:1001]
        assert [each async for each in catalog.chunks(upload, limit=5, offset=2 * COUNT)] == []
        assert [each async for each in catalog.chunks(upload, state=ChunkState.RECEIVING)] == []

        gaps, turns = await turns_of_others(ranges.missing(upload_id, limit=2 * COUNT))
        assert gaps == [ByteRange(at + 2, at + 4) for at in range(0, 6 * COUNT, 6)]
        assert turns > 10
        assert await ranges.missing(upload_id, limit=7) == gaps[:7]


@pytest.mark.anyio
async def test_t16_refusals_name_what_matters_and_no_more(tmp_path: Path) -> None:
    """What is missing is not put together while others wait to write."""
    async with many_chunks(tmp_path) as (backends, upload_id):
        ranges = backends.service.ports.ranges
        overlap = await ranges.claim(_wish(backends, upload_id, ByteRange(9001, 6 * COUNT)))
        assert isinstance(overlap, Overlap)
        refusal = await refusal_of(overlap, ranges, upload_id)
        assert isinstance(refusal, RangeOverlap)
        facts: dict[str, Any] = refusal.facts
        assert facts["conflicts"][:2] == [ByteRange(9000, 9002), ByteRange(9004, 9006)]
        assert facts["missing"][0] == ByteRange(2, 4)
        assert (len(facts["conflicts"]), len(facts["missing"])) == (1000, 1000)
        incomplete = await ranges.begin_commit(upload_id, HELD)
        assert isinstance(incomplete, Incomplete)
        assert incomplete.missing == facts["missing"]
        for at in range(0, 6 * COUNT, 6):
            await _receive(backends, upload_id, ByteRange(at + 2, at + 4))
        assert await ranges.unfilled(upload_id) is None
        assert await ranges.missing(upload_id, limit=5) == []


def test_the_first_chunk_may_come_last(api: Api) -> None:
    """The offset that tus clients see passes all of the others at once, and no further than the next gap."""
    upload = api.create(2000)
    for at in (*range(2, 1000, 2), *range(1002, 2000, 2)):
        assert api.put(upload, at, b"xy").status_code == 200

    def offset() -> str:
        return api.http.head(upload["tus_url"], headers={"Tus-Resumable": "1.0.0"}).headers["upload-offset"]

    assert offset() == "0"
    assert api.put(upload, 0, b"xy").status_code == 200
    assert offset() == "1000"
    reply = api.http.put(upload["href"], content=b"x" * 2000, headers=content_range(0, 2000))
    assert problem(reply, "range-overlap", 409)["missing"] == [{"start": 1000, "end": 1001}]
    assert api.put(upload, 1000, b"xy").status_code == 200
    assert offset() == "2000"
    assert api.commit(upload, sha256(b"xy" * 1000)).status_code == 200
