"""The contract of a catalog: it gives the failure of a commit back as the value that it was."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.uploads import HELD, NOW, single
from tusd_py.adapters.catalog_sqlite.catalog import open_catalog
from tusd_py.adapters.catalog_sqlite.ranges import SqliteRanges
from tusd_py.model.commits import CommitFailure, Piece
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import Ranged, UploadKind
from tusd_py.ports.ranges import RangeCatalog

pytestmark = pytest.mark.anyio

MISMATCH = CommitFailure(
    code="ERR_DIGEST_MISMATCH",
    status=400,
    message="sha256 of the upload differs",
    facts={"expected": None, "actual": "ab", "corrupt": [ByteRange(0, 5)], "missing": [ByteRange(0, 5)]},
)
PARTS = CommitFailure(
    code="ERR_PARTS_MISMATCH",
    status=409,
    message="the list of parts differs",
    facts={"parts": [Piece(0, 5), Piece(5, 5, "cd", is_listed=False)]},
)
PLAIN = CommitFailure("ERR_SERVER_SHUTDOWN", 503, "going down", {})


@pytest.fixture
async def ranges(tmp_path: Path, anyio_backend: str) -> AsyncIterator[RangeCatalog]:
    """A catalog with the session ``a``."""
    catalog = await open_catalog(tmp_path / "catalog.sqlite3")
    session = single("a", kind=UploadKind.SESSION, layout=Ranged(0), expires_at=NOW)
    ranges = SqliteRanges(catalog)
    await ranges.insert_session(session, HELD, expected_sha256=None, key=None, durable=False)
    yield ranges
    await catalog.close()


@pytest.mark.parametrize("failure", [MISMATCH, PARTS, PLAIN], ids=lambda failure: failure.code)
async def test_a_failure_is_given_back_as_it_was(ranges: RangeCatalog, failure: CommitFailure) -> None:
    await ranges.reopen("a", HELD, failure=failure)
    assert (await ranges.facts("a")).last_error == failure


async def test_a_failure_that_an_earlier_version_kept(ranges: RangeCatalog, tmp_path: Path) -> None:
    """It kept what it would have told a client: both ends of a range inclusive."""
    corrupt = [{"start": 0, "end": 4}]
    kept = {
        "code": "ERR_DIGEST_MISMATCH",
        "status": 400,
        "message": "sha256 of the upload differs",
        "members": {"expected": None, "actual": "ab", "corrupt": corrupt, "missing": corrupt},
    }
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite3", timeout=10)) as connection, connection:
        connection.execute("UPDATE sessions SET last_error = ?", (json.dumps(kept),))
    assert (await ranges.facts("a")).last_error == MISMATCH


async def test_sqlite_keeps_it_as_an_earlier_version_did(ranges: RangeCatalog, tmp_path: Path) -> None:
    """Workers of an earlier version may be reading the same file."""
    await ranges.reopen("a", HELD, failure=PARTS)
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite3", timeout=10)) as connection:
        ((kept,),) = connection.execute("SELECT last_error FROM sessions")
    assert json.loads(kept)["members"] == {
        "parts": [
            {"offset": 0, "size": 5, "sha256": None},
            {"offset": 5, "size": 5, "sha256": "cd", "unlisted": True},
        ]
    }
