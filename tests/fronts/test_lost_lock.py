"""A writer whose lock is lost changes nothing any more: its upload may be somebody else's by then."""

import asyncio

import pytest

from tests.fronts.test_taking_over import Stalled
from tests.support.lab import Serve, until
from tests.support.locks import LosesLocks
from tests.support.tus import id_of
from tusd_py.ports.locks import upload_lock

pytestmark = pytest.mark.anyio


async def test_a_writer_that_lost_its_lock_finishes_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body is stopped at once, the sender is asked to try again, and neither hook nor record follows."""
    finished: list[object] = []
    monkeypatch.setattr("tusd_py.assembly.FileLocker", LosesLocks)
    tus = await serve(on_upload_finish=lambda *call: finished.append(call))
    url, stalled = await tus.create(5), Stalled(b"hello", b"")
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body()))
    await until(lambda: tus.data(url) == b"hello")
    LosesLocks.held[upload_lock(id_of(url))].lose()
    async with asyncio.timeout(2):
        reply = await patch
    assert (reply.status_code, reply.headers["Retry-After"]) == (423, "1")
    assert finished == []
    assert tus.sql("SELECT state FROM uploads") == [("open",)]
