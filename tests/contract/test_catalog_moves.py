"""The contract of a catalog: it makes the moves of the state table, and no others."""

import itertools

import pytest

from tests.contract.uploads import HELD, NOW, single
from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog
from tusd_py.adapters.catalog_sqlite.ranges import SqliteRanges
from tusd_py.model.upload import Move, Ranged, Upload, UploadKind, UploadState
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.ranges import RangeCatalog

pytestmark = pytest.mark.anyio


def ranges_of(catalog: Catalog) -> RangeCatalog:
    """The other half of a catalog."""
    assert isinstance(catalog, SqliteCatalog)
    return SqliteRanges(catalog)


def filled(state: UploadState) -> Upload:
    """A session that has all of its bytes."""
    return single("a", kind=UploadKind.SESSION, state=state, layout=Ranged(10), expires_at=NOW)


async def make(catalog: Catalog, upload: Upload, move: Move) -> None:
    """Make a move as the service does, which looked before and may be late."""
    if move is Move.FINISH:
        await catalog.complete(upload, NOW, HELD, expires_at=None)
    elif move is Move.EXPIRE:
        await catalog.release(upload.id, HELD, tombstone_until=NOW + 1)
    elif move is Move.COMMIT:
        await ranges_of(catalog).begin_commit(upload.id, HELD)
    else:
        await ranges_of(catalog).reopen(upload.id, HELD)


@pytest.mark.parametrize(("state", "move"), list(itertools.product(UploadState, Move)))
async def test_only_legal_moves_are_made(catalog: Catalog, state: UploadState, move: Move) -> None:
    """What is not legal changes nothing of the upload."""
    before = filled(state)
    await catalog.insert(before)
    await make(catalog, before, move)
    found = await catalog.get("a")
    assert found is not None
    if state in move.before:
        assert found.state is move.after
    else:
        assert found == before


@pytest.mark.parametrize("state", UploadState)
async def test_an_upload_can_be_given_up_in_every_state(catalog: Catalog, state: UploadState) -> None:
    await catalog.insert(filled(state))
    await catalog.release("a", HELD, tombstone_until=None)
    assert await catalog.get("a") is None
