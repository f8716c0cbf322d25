"""A request whose lock is lost changes nothing any more: its upload may be somebody else's by then."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fronts.test_taking_over import Stalled
from tests.support.lab import Serve, Tus
from tests.support.locks import LosesLocks
from tests.support.tus import checksum, id_of, sha256
from tests.support.waiting import until
from tusd_py.model.upload import Upload
from tusd_py.ports.locks import upload_lock

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def losing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let applications have locks that can be lost."""
    monkeypatch.setattr("tusd_py.assembly.FileLocker", LosesLocks)
    yield
    LosesLocks.held.clear()
    LosesLocks.doomed.clear()


def lose(_: object, upload: Upload) -> None:
    """Take the lock of an upload away while a hook runs."""
    LosesLocks.held[upload_lock(upload.id)].lose()


def everything(tus: Tus) -> tuple[object, ...]:
    """What the catalog and the store know."""
    rows = [tus.sql(f"SELECT * FROM {table}") for table in ("uploads", "upload_chunks", "leftovers")]  # noqa: S608
    files = tus.files()
    return rows, files, [tus.data(name) for name in files if not name.endswith(".info")]


def state_of(tus: Tus, upload_id: str) -> str:
    ((state,),) = tus.sql("SELECT state FROM uploads WHERE id = ?", upload_id)
    return str(state)


async def test_a_writer_that_lost_its_lock_finishes_nothing(serve: Serve) -> None:
    """The body is stopped at once, the sender is asked to try again, and neither hook nor record follows."""
    finished: list[object] = []
    tus = await serve(on_upload_finish=lambda *call: finished.append(call))
    url, stalled = await tus.create(5), Stalled(b"hello", b"")
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body()))
    await until(lambda: tus.data(url) == b"hello")
    LosesLocks.held[upload_lock(id_of(url))].lose()
    async with asyncio.timeout(2):
        reply = await patch
    assert (reply.status_code, reply.headers["Retry-After"]) == (423, "1")
    assert finished == []
    assert state_of(tus, id_of(url)) == "open"


async def test_a_writer_that_lost_its_lock_renews_nothing(serve: Serve) -> None:
    """Its bytes stay where they are; that the upload lives longer is for whoever holds it now to say."""
    tus = await serve(expire_after_s=3600)
    url, stalled = await tus.create(10), Stalled(b"hello", b"")
    tus.clock.advance(1800)
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body()))
    await until(lambda: tus.data(url) == b"hello")
    before = everything(tus)
    LosesLocks.held[upload_lock(id_of(url))].lose()
    reply = await patch
    assert (reply.status_code, reply.text.partition(":")[0]) == (423, "ERR_UPLOAD_LOCKED")
    assert everything(tus) == before


async def test_an_upload_whose_lock_is_lost_in_the_finish_hook_stays_open(serve: Serve) -> None:
    """Whoever has the lock now finishes it: the next look does."""
    hooks = [lose]
    tus = await serve(on_upload_finish=lambda *call: [hook(*call) for hook in hooks] and None)
    url = await tus.create(5)
    assert (await tus.patch(url, 0, b"hello")).status_code == 423
    assert state_of(tus, id_of(url)) == "open"
    hooks.clear()
    assert await tus.offset(url) == 5
    assert state_of(tus, id_of(url)) == "complete"


async def test_a_length_is_not_declared_without_the_lock(serve: Serve) -> None:
    tus = await serve()
    url = await tus.create(Upload_Defer_Length="1")
    before = everything(tus)
    LosesLocks.doomed.add(upload_lock(id_of(url)))
    assert (await tus.patch(url, 0, Upload_Length="5")).status_code == 423
    assert everything(tus) == before


@pytest.mark.needs("checksum")
async def test_bytes_are_not_taken_back_without_the_lock(serve: Serve) -> None:
    """They may be those of whoever has it now. The mark stays, so nothing counts that was not verified."""
    tus = await serve()
    url, stalled = await tus.create(10), Stalled(b"wrong", b"")
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body(), Upload_Checksum=checksum(b"right")))
    await until(lambda: tus.data(url) == b"wrong")
    before = everything(tus)
    LosesLocks.held[upload_lock(id_of(url))].lose()
    assert (await patch).status_code == 423
    assert everything(tus) == before
    assert await tus.offset(url) == 0
    assert (await tus.patch(url, 0, b"helloworld")).status_code == 204
    assert tus.data(url) == b"helloworld"


async def test_a_deletion_without_the_lock_deletes_nothing(serve: Serve) -> None:
    tus = await serve(on_upload_terminate=lose)
    url = await tus.create(10, b"hello")
    before = everything(tus)
    assert (await tus.delete(url)).status_code == 423
    assert everything(tus) == before
    assert await tus.offset(url) == 5


@pytest.mark.needs("concatenation")
async def test_a_final_whose_lock_is_lost_in_the_finish_hook_stays_open(serve: Serve) -> None:
    """It is not given up either; the next look finishes it."""
    losers: list[Upload] = []

    def finish(_: object, upload: Upload) -> None:
        if upload.kind == "final" and not losers:
            losers.append(upload)
            lose(_, upload)

    tus = await serve(on_upload_finish=finish)
    parts = [await tus.partial(b"hello "), await tus.partial(b"world")]
    reply = await tus.post(Upload_Concat="final;" + " ".join(parts))
    assert reply.status_code == 423
    (final,) = losers
    assert state_of(tus, final.id) == "open"
    assert await tus.offset(f"{tus.url}{final.id}") == 11
    assert (await tus.get(f"{tus.url}{final.id}")).content == b"hello world"


async def test_the_sweep_expires_nothing_without_the_lock(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so, goes on with the others, and comes again."""
    caplog.set_level(logging.ERROR)
    tus = await serve(expire_after_s=3600, sweep_interval_s=0.02)
    kept, gone = await tus.create(10, b"hello"), await tus.create(10, b"hello")
    LosesLocks.doomed.add(upload_lock(id_of(kept)))
    tus.clock.advance(3601)
    await until(lambda: "UploadNotExpired" in caplog.text and state_of(tus, id_of(gone)) == "expired")
    assert state_of(tus, id_of(kept)) == "open"
    assert tus.data(kept) == b"hello"
    LosesLocks.doomed.clear()
    await until(lambda: state_of(tus, id_of(kept)) == "expired")


async def put(tus: Tus, upload_id: str, first: int, data: bytes, total: int) -> int:
    """PUT a chunk; return the status."""
    place = f"bytes {first}-{first + len(data) - 1}/{total}"
    return (await tus.request("PUT", f"/uploads/{upload_id}/", data, Content_Range=place)).status_code


@pytest.mark.needs("files")
async def test_a_commit_without_the_lock_completes_nothing(serve: Serve) -> None:
    """The next commit takes up what it left."""
    hooks = [lose]
    tus = await serve(on_upload_finish=lambda *call: [hook(*call) for hook in hooks] and None)
    session: dict[str, Any] = (await tus.http.post("/uploads/", json={"size": 5})).json()
    assert await put(tus, session["id"], 0, b"hello", 5) == 200
    commit = session["links"]["commit"], {"sha256": sha256(b"hello")}
    assert (await tus.http.post(commit[0], json=commit[1])).status_code == 423
    assert state_of(tus, session["id"]) == "committing"
    hooks.clear()
    assert (await tus.http.post(commit[0], json=commit[1])).status_code == 200
    assert state_of(tus, session["id"]) == "complete"


@pytest.mark.needs("files")
async def test_neither_a_chunk_nor_an_artifact_changes_an_upload_without_its_lock(serve: Serve) -> None:
    """What tus began is not kept as ranges, and what is complete does not become an artifact."""
    tus = await serve()
    begun, done = await tus.create(10, b"hello"), await tus.create(5, b"hello")
    commit = await tus.http.post(f"/uploads/{id_of(done)}/commit", json={"sha256": sha256(b"hello")})
    assert commit.status_code == 200, "its digest is known"
    before = everything(tus), (tus.directory / f"{id_of(begun)}.info").read_bytes()
    LosesLocks.doomed |= {upload_lock(id_of(url)) for url in (begun, done)}
    assert await put(tus, id_of(begun), 5, b"world", 10) == 423
    assert (await tus.http.post("/artifacts/", json={"upload": id_of(done)})).status_code == 423
    assert (everything(tus), (tus.directory / f"{id_of(begun)}.info").read_bytes()) == before
    assert tus.sql("SELECT * FROM artifacts") == []
    assert await tus.offset(begun) == 5
