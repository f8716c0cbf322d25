"""Several requests for one upload at the same time (checklist CONC, as far as one process goes)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.lab import Serve, Tus
from tests.support.tus import checksum
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


class Stalled:
    """A body that sends some bytes and then nothing, until it is told to go on."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = parts
        self.sent = asyncio.Event()
        self.go_on = asyncio.Event()

    async def body(self) -> AsyncIterator[bytes]:
        """The pieces, with the pause before the last one."""
        *early, last = self._parts
        for part in early:
            yield part
        self.sent.set()
        await self.go_on.wait()
        yield last


async def arrived(tus: Tus, url: str, size: int) -> None:
    """Wait until the data file has ``size`` bytes."""
    await until(lambda: len(tus.data(url)) >= size)


async def test_head_holds_nobody_up(tus: Tus) -> None:
    """CONC-01, 06: it tells the bytes that are there, at once, and the writer goes on."""
    url, stalled = await tus.create(11), Stalled(b"hello", b" world")
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body()))
    await arrived(tus, url, 5)
    async with asyncio.timeout(1):
        assert await tus.offset(url) == 5
        assert await tus.offset(await tus.create(5, b"he")) == 2
    stalled.go_on.set()
    assert (await patch).status_code == 204
    assert tus.data(url) == b"hello world"


async def test_a_new_patch_takes_over(tus: Tus) -> None:
    """CONC-02, 03, 04: at the offset that HEAD told; the first one is told where it ended."""
    url, stalled = await tus.create(11), Stalled(b"hello", b"!!!!!!")
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body()))
    await arrived(tus, url, 5)
    async with asyncio.timeout(3):
        assert (await tus.patch(url, 5, b" world")).status_code == 204
        first = await patch
    assert (first.status_code, first.headers["Upload-Offset"]) == (409, "5")
    assert first.text == "ERR_UPLOAD_INTERRUPTED: another request for this upload took over\n"
    assert (await tus.get(url)).content == b"hello world"


async def test_a_patch_for_another_place_stops_nobody(tus: Tus) -> None:
    url, stalled = await tus.create(11), Stalled(b"hello", b" world")
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body()))
    await arrived(tus, url, 5)
    assert (await tus.patch(url, 0, b"hello")).status_code == 409
    stalled.go_on.set()
    assert (await patch).status_code == 204


@pytest.mark.needs("checksum")
async def test_taking_over_drops_what_was_not_verified(tus: Tus) -> None:
    """CONC-04, CHECK-14."""
    url, stalled = await tus.create(11), Stalled(b"hellO", b" world")
    sent = checksum(b"hello world")
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body(), Upload_Checksum=sent))
    await arrived(tus, url, 5)
    assert await tus.offset(url) == 0
    assert (await tus.patch(url, 0, b"hello world", Upload_Checksum=sent)).status_code == 204
    first = await patch
    assert (first.status_code, first.headers["Upload-Offset"]) == (409, "0")
    assert (await tus.get(url)).content == b"hello world"


async def test_twenty_at_once(tus: Tus) -> None:
    """CONC-05: one writes, the others are told where the upload stands."""
    url = await tus.create(11)
    replies = await asyncio.gather(*(tus.patch(url, 0, b"hello world") for _ in range(20)))
    statuses = sorted(reply.status_code for reply in replies)
    assert statuses[0] == 204
    assert set(statuses[1:]) == {409}
    assert all(reply.headers["Upload-Offset"] == "11" for reply in replies)
    assert tus.data(url) == b"hello world"


async def test_head_does_not_wait_for_a_finish_hook(serve: Serve) -> None:
    """Only the request that completed the upload waits for it, and it is called once."""
    calls: list[str] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def finish(*_: object) -> None:
        calls.append("begun")
        begun.set()
        await go_on.wait()
        calls.append("done")

    tus = await serve(on_upload_finish=finish)
    url = await tus.create(5)
    patch = asyncio.create_task(tus.patch(url, 0, b"hello"))
    await begun.wait()
    async with asyncio.timeout(1):
        assert await tus.offset(url) == 5
    assert calls == ["begun"]
    go_on.set()
    assert (await patch).status_code == 204
    assert calls == ["begun", "done"]


async def test_a_busy_upload_is_refused_in_the_end(serve: Serve) -> None:
    """423 with ``Retry-After``, which clients try again."""
    free = asyncio.Event()
    tus = await serve(acquire_lock_timeout_s=0.1, on_upload_finish=lambda *_: free.wait())
    url = await tus.create(5)
    patch = asyncio.create_task(tus.patch(url, 0, b"hello"))
    await arrived(tus, url, 5)
    for reply in (await tus.delete(url), await tus.patch(url, 5, b"")):
        assert (reply.status_code, reply.headers["Retry-After"]) == (423, "1")
    free.set()
    assert (await patch).status_code == 204
    assert (await tus.delete(url)).status_code == 204


async def test_reading_the_progress_of_a_full_upload(tus: Tus) -> None:
    """All bytes are there, only the end of the chunked coding is not: HEAD must not turn it into a 409."""
    url, stalled = await tus.create(5), Stalled(b"hello", b"")
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body()))
    await arrived(tus, url, 5)
    assert await tus.offset(url) == 5
    stalled.go_on.set()
    reply = await patch
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, "5")


async def test_a_cancelled_patch_lets_go(tus: Tus) -> None:
    """A host's time-out cancels the request: what arrived is stored, and the upload is free."""
    url, stalled = await tus.create(11), Stalled(b"hello", b" world")
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body()))
    await arrived(tus, url, 5)
    patch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await patch
    async with asyncio.timeout(2):
        assert (await tus.patch(url, 5, b" world")).status_code == 204
    assert (await tus.get(url)).content == b"hello world"


@pytest.mark.needs("checksum")
async def test_a_cancelled_patch_with_a_checksum(tus: Tus) -> None:
    """As above, and what was not verified is gone."""
    url, stalled = await tus.create(11), Stalled(b"hello", b" world")
    sent = checksum(b"hello world")
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body(), Upload_Checksum=sent))
    await arrived(tus, url, 5)
    patch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await patch
    assert (await tus.offset(url), tus.data(url)) == (0, b"")
    assert tus.sql("SELECT unverified_from FROM uploads") == [(None,)]


@pytest.mark.needs("checksum")
@pytest.mark.parametrize("later", range(0, 60, 3))
async def test_cancelled_at_any_moment(tus: Tus, later: int) -> None:
    """What the cancelled request still had to write must not undo what the next one was told is stored."""
    url, stalled = await tus.create(100), Stalled(b"hello", b" world")
    sent = checksum(b"hello world")
    patch = asyncio.create_task(tus.patch(url, 0, stalled.body(), Upload_Checksum=sent))
    for _ in range(later):
        await asyncio.sleep(0)
    patch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await patch
    assert (await tus.patch(url, 0, b"acknowledged")).status_code == 204
    await asyncio.sleep(0.02)
    assert await tus.offset(url) == 12
