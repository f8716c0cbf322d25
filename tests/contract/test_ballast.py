"""Space that the SQLite catalog keeps aside."""

import os
from pathlib import Path

import pytest

from tests.contract.uploads import HELD
from tusd_py.adapters.catalog_sqlite.ballast import SIZE, Ballast
from tusd_py.adapters.catalog_sqlite.catalog import open_catalog
from tusd_py.errors.server import StorageFull

pytestmark = pytest.mark.anyio


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite3"


def kept(file: Path) -> int:
    """How much is kept aside; really taken from the medium."""
    found = file.with_suffix(".ballast").stat()
    assert found.st_blocks * 512 >= found.st_size
    return found.st_size


async def test_opening_and_sweeping_keep_some_space_aside(file: Path) -> None:
    catalog = await open_catalog(file)
    try:
        assert kept(file) == SIZE
        assert catalog.ballast.give_back()
        assert 0 < kept(file) < SIZE
        await catalog.keep_room()
        assert kept(file) == SIZE
    finally:
        await catalog.close()


async def test_it_is_given_up_in_steps_until_there_is_none(file: Path) -> None:
    """Somebody else may take what the first step freed."""
    ballast = Ballast(file)
    ballast.refill()
    sizes: list[int] = []

    async def fail() -> None:
        sizes.append(kept(file))
        raise StorageFull

    with pytest.raises(StorageFull):
        await ballast.with_room(fail)
    assert sizes[:2] == [SIZE, SIZE], "what needs no more room than it has takes nothing"
    assert sizes[-1] == 0
    assert sizes[1:] == sorted(set(sizes), reverse=True)
    assert len(sizes) > 4
    with pytest.raises(StorageFull):
        await ballast.with_room(fail)
    await ballast.refill_if_short()
    assert kept(file) == SIZE


async def test_none_is_kept_on_a_medium_that_is_nearly_full(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be no help to fill it up ourselves; and without any nothing breaks."""
    real = os.statvfs(file.parent)
    nearly_full = os.statvfs_result([*real[:4], SIZE // real.f_frsize, *real[5:]])
    monkeypatch.setattr(os, "fstatvfs", lambda fd: nearly_full)
    catalog = await open_catalog(file)
    try:
        assert kept(file) == 0
        assert not catalog.ballast.give_back()
        await catalog.release("a", HELD, tombstone_until=None)
    finally:
        await catalog.close()
