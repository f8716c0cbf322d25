"""What the catalog costs a chunk: its claim and its record, by themselves, where an upload has many.

In this process, with the catalog of the tusd_py that is imported here: a request takes several times as
long, so nothing of this could be seen from outside.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path
from statistics import fmean
from typing import Final

from benchmarks.bench import Values
from benchmarks.generator import LoadFailed
from tusd_py.adapters.catalog_sqlite.catalog import open_catalog
from tusd_py.adapters.catalog_sqlite.ranges import SqliteRanges
from tusd_py.model.body import StopSignal
from tusd_py.model.claims import Granted, Wish
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import ChunkState, Ranged, Upload, UploadKind, new_uuid
from tusd_py.ports.locks import Held
from tusd_py.ports.ranges import RangeCatalog

_CHUNK_BYTES: Final = 1024
_SHA256: Final = "0" * 64
_WEEK_S: Final = 7 * 86400.0


def catalog_cost(parent: Path, rows: int) -> Values:
    """Measure a tenth as many chunks as there are rows, in any order, on the file system of ``parent``."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as name:
        seconds = sorted(asyncio.run(_measure(Path(name) / "catalog.sqlite3", rows)))
    return {
        "catalog_ms": fmean(seconds) * 1e3,
        "catalog_p99_ms": seconds[len(seconds) * 99 // 100] * 1e3,
    }


async def _measure(file: Path, rows: int) -> list[float]:
    catalog = await open_catalog(file)
    try:
        ranges = SqliteRanges(catalog)
        numbers = list(range(rows + rows // 10))
        random.Random(1).shuffle(numbers)  # noqa: S311 # the same order everywhere
        upload_id = await new_session(ranges, len(numbers) * _CHUNK_BYTES)
        for first in range(0, rows, 500):  # those that wait together share a commit
            batch = numbers[first : min(first + 500, rows)]
            await asyncio.gather(*(put_chunk(ranges, upload_id, number) for number in batch))
        seconds = [await put_chunk(ranges, upload_id, number) for number in numbers[rows:]]
        await check(ranges, upload_id, len(numbers))
        return seconds
    finally:
        await catalog.close()


async def check(ranges: RangeCatalog, upload_id: str, count: int) -> None:
    """See that so many chunks were recorded, without a gap. Raises LoadFailed."""
    received = await ranges.count(upload_id, state=ChunkState.RECEIVED)
    if received != count or await ranges.missing(upload_id, limit=1):
        raise LoadFailed(f"the catalog has {received} of {count} chunks, or has them elsewhere")


async def new_session(ranges: RangeCatalog, size: int) -> str:
    """Begin an upload of ``size`` bytes; return its id."""
    now = time.time()
    upload = Upload(
        id=new_uuid(),
        kind=UploadKind.SESSION,
        length=size,
        created_at=now,
        expires_at=now + _WEEK_S,
        layout=Ranged(),
    )
    await ranges.insert_session(upload, Held(0, StopSignal()), expected_sha256=None, key=None, durable=True)
    return upload.id


async def put_chunk(ranges: RangeCatalog, upload_id: str, number: int) -> float:
    """Claim and record one chunk as a request does; return how long that took, in seconds."""
    began = time.perf_counter()
    now, start = time.time(), number * _CHUNK_BYTES
    wish = Wish(
        upload_id=upload_id,
        range=ByteRange(start, start + _CHUNK_BYTES),
        chunk_id=new_uuid(),
        worker="benchmark",
        at=now,
        max_chunks=1 << 30,
    )
    answer = await ranges.claim(wish)
    if not isinstance(answer, Granted):
        raise LoadFailed(f"the catalog refused a claim: {answer}")
    await ranges.record(answer.chunk, sha256=_SHA256, at=now, expires_at=now + _WEEK_S, durable=False)
    return time.perf_counter() - began
