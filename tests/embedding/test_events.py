"""What an application that asks for it is told of uploads, after the change and in its transaction."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from tests.support.lab import Serve, Tus, running
from tests.support.tus import checksum, id_of, metadata, sha256
from tests.support.waiting import until
from tusd_py import Config, EventType, Upload, UploadRefused
from tusd_py.model.events import Event
from tusd_py.service import expiry

pytestmark = pytest.mark.anyio

EVERYTHING = frozenset(EventType)


async def pending(tus: Tus) -> list[Event]:
    """What waits in the outbox."""
    return list(await (await tus.app.outbox()).pending(limit=1000))  # type: ignore[attr-defined]


async def told(tus: Tus) -> list[str]:
    return [each.type.value for each in await pending(tus)]


def rows(tus: Tus) -> int:
    count: int = tus.sql("SELECT count(*) FROM events")[0][0]
    return count


async def test_the_life_of_an_upload(serve: Serve) -> None:
    """Creating, completing and deleting, each with the request that did it."""
    tus = await serve(record_events=EVERYTHING)
    url = await tus.create(5, Upload_Metadata=metadata(filename="ä"), X_Who="me", Cookie="secret")
    assert (await tus.patch(url, 0, b"hello")).status_code == 204
    assert (await tus.delete(url)).status_code == 204
    created, completed, terminated = await pending(tus)
    assert [created.type, completed.type, terminated.type] == ["created", "completed", "terminated"]
    assert {each.upload.id for each in (created, completed, terminated)} == {id_of(url)}
    assert (created.upload.length, created.upload.state) == (5, "open")
    assert created.upload.metadata == {"filename": "ä".encode()}
    assert completed.upload.state == "complete"
    assert created.at <= completed.at <= terminated.at <= time.time()
    assert created.request is not None
    assert completed.request is not None
    assert terminated.request is not None
    assert (created.request.method, created.request.uri) == ("POST", "/files/")
    assert created.request.headers["x-who"] == ("me",)
    assert "cookie" not in created.request.headers
    assert (completed.request.method, completed.request.uri) == ("PATCH", f"/files/{id_of(url)}")
    assert terminated.request.method == "DELETE"


async def test_nothing_is_written_unless_somebody_asks(serve: Serve) -> None:
    tus = await serve()
    await tus.delete(await tus.create(5, b"hello"))
    assert rows(tus) == 0


async def test_only_what_was_asked_for(serve: Serve) -> None:
    """Words do as well; a secret header that is named is told."""
    tus = await serve(record_events=["completed"], record_headers=["Cookie"])
    await tus.delete(await tus.create(5, b"hello", Cookie="a=b"))
    (event,) = await pending(tus)
    assert (event.type, rows(tus)) == ("completed", 1)
    assert event.request is not None
    assert event.request.headers["cookie"] == ("a=b",)


async def test_words_that_are_no_events_are_refused(tmp_path: Path) -> None:
    unknown: Any = ["made"]
    with pytest.raises(ValueError, match="record_events may have created, completed"):
        Config(upload_dir=tmp_path, record_events=unknown)


async def test_a_creation_that_is_refused_is_not_told(serve: Serve) -> None:
    """Neither is a look at an upload, or a PATCH that does not complete it."""

    async def refuse(request: Request, upload: Upload) -> None:
        if upload.length == 6:
            raise UploadRefused("no", status=403)

    tus = await serve(record_events=EVERYTHING, on_upload_create=refuse)
    assert (await tus.post(6)).status_code == 403
    url = await tus.create(5)
    await tus.patch(url, 0, b"he")
    await tus.head(url)
    assert (await tus.patch(url, 0, b"he")).status_code == 409
    assert await told(tus) == ["created"]


async def test_a_creation_that_fails_is_taken_back(serve: Serve) -> None:
    """Whoever was told of it learns that it is gone."""
    tus = await serve(record_events=EVERYTHING)
    reply = await tus.post(5, b"hallo", Upload_Checksum=checksum(b"hello"))
    assert reply.status_code == 460
    assert await told(tus) == ["created", "given_up"]


async def test_empty_uploads(serve: Serve) -> None:
    tus = await serve(record_events=EVERYTHING)
    await tus.create(0)
    assert await told(tus) == ["created", "completed"]


async def test_a_completion_that_a_hook_refused_is_told_when_it_comes(serve: Serve) -> None:
    """Once, whoever finishes the upload, and however many look at the same moment."""
    agrees = False

    async def finish(request: Request | None, upload: Upload) -> None:
        if not agrees:
            raise UploadRefused("not yet", status=503)

    tus = await serve(record_events=EVERYTHING, on_upload_finish=finish)
    url = await tus.create(5)
    assert (await tus.patch(url, 0, b"hello")).status_code == 503
    assert await told(tus) == ["created"]
    agrees = True
    await asyncio.gather(*(tus.head(url) for _ in range(10)))
    assert await told(tus) == ["created", "completed"]


async def test_a_final_that_waits_for_its_partials(serve: Serve) -> None:
    tus = await serve(record_events=EVERYTHING)
    url = await tus.create(5, Upload_Concat="partial")
    final = await tus.final(url, url)
    await tus.patch(url, 0, b"hello")
    events = [(each.upload.id, each.type.value) for each in await pending(tus)]
    of_partial, of_final = id_of(url), id_of(final)
    assert events[:2] == [(of_partial, "created"), (of_final, "created")]
    assert events[2:] == [(of_partial, "completed"), (of_final, "completed")]
    assert (await pending(tus))[-1].upload.length == 10


async def test_expiry(serve: Serve) -> None:
    """No request did it. That its tombstone goes as well is nobody's business."""
    tus = await serve(record_events=EVERYTHING, sweep_interval_s=0.05)
    await tus.create(5)
    tus.clock.advance(10**9)
    await until(lambda: tus.sql("SELECT state FROM uploads") == [("expired",)])
    tus.clock.advance(10**9)
    await until(lambda: tus.sql("SELECT state FROM uploads") == [])
    assert await told(tus) == ["created", "expired"]
    assert (await pending(tus))[1].request is None


async def test_sessions_and_artifacts(serve: Serve) -> None:
    """A session is complete when it is committed, and gone when an artifact has its bytes."""
    tus = await serve(record_events=EVERYTHING)
    href = (await tus.http.post("/uploads/", json={"size": 5})).json()["href"]
    await tus.http.put(href, content=b"hello", headers={"Content-Range": "bytes 0-4/5"})
    assert await told(tus) == ["created"]
    reply = await tus.http.post(f"{href}commit/", json={"sha256": sha256(b"hello")})
    assert reply.status_code == 200
    assert await told(tus) == ["created", "completed"]
    reply = await tus.http.post("/artifacts/", json={"upload": href})
    assert reply.status_code == 201, reply.text
    assert await told(tus) == ["created", "completed", "given_up"]


async def test_what_is_taken_over_was_created_before(tmp_path: Path) -> None:
    """A lost catalog, or tusd's directory: nothing is told twice."""
    async with running(tmp_path, record_events=EVERYTHING) as tus:
        url = await tus.create(5, b"he")
    tus.lose_catalog()
    async with running(tmp_path, record_events=EVERYTHING) as tus:
        assert (await tus.patch(url, 2, b"llo")).status_code == 204
        assert await told(tus) == ["completed"]


async def test_events_wait_for_their_delivery(tmp_path: Path) -> None:
    """Across restarts, until whoever reads them says that they were delivered."""
    async with running(tmp_path, record_events=EVERYTHING) as tus:
        await tus.create(0)
    async with running(tmp_path) as tus:
        outbox = await tus.app.outbox()  # type: ignore[attr-defined]
        first, second = await outbox.pending(limit=10)
        await outbox.delivered([first.position])
        assert await outbox.pending(limit=10) == [second]
        assert await told(tus) == ["completed"]


async def test_the_sweep_keeps_the_outbox_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of too many events that nobody reads the oldest go, and the log says so."""
    async with running(tmp_path, record_events=EVERYTHING) as tus:
        for _ in range(2):
            await tus.create(0)
    monkeypatch.setattr(expiry, "_MOST_EVENTS", 3)
    async with running(tmp_path) as tus:
        await until(lambda: rows(tus) == 3)
        assert await told(tus) == ["completed", "created", "completed"]
    assert "EventsDropped" in caplog.messages
