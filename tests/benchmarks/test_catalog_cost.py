"""The catalog's share of a chunk is measured with its real classes, and a chunk that it lost is noticed."""

import asyncio
from pathlib import Path

import pytest

from benchmarks.catalog_cost import catalog_cost, check, new_session, put_chunk
from benchmarks.generator import LoadFailed
from tusd_py.adapters.catalog_sqlite.catalog import open_catalog
from tusd_py.adapters.catalog_sqlite.ranges import SqliteRanges


def test_claims_and_records_are_measured(tmp_path: Path) -> None:
    """There is a value for both, and nothing is left behind."""
    values = catalog_cost(tmp_path, 700)
    assert values["catalog_ms"] > 0
    assert values["catalog_p99_ms"] > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("numbers", [[0, 1], [0, 1, 3]])
def test_a_lost_chunk_is_a_failure(tmp_path: Path, numbers: list[int]) -> None:
    """One too few, or one elsewhere."""

    async def lose() -> None:
        catalog = await open_catalog(tmp_path / "catalog.sqlite3")
        try:
            ranges = SqliteRanges(catalog)
            upload_id = await new_session(ranges, 4096)
            for number in numbers:
                await put_chunk(ranges, upload_id, number)
            with pytest.raises(LoadFailed, match="chunks"):
                await check(ranges, upload_id, 3)
        finally:
            await catalog.close()

    asyncio.run(lose())
