"""Termination (checklist TERM), and what is left of an upload that goes, in whatever way."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.support.lab import Serve, Tus
from tests.support.tus import id_of
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

NOTHING = {"uploads": 0, "upload_chunks": 0, "leftovers": 0}


@pytest.mark.parametrize("body", [b"he", b"hello"], ids=["TERM-02: unfinished", "TERM-06: finished"])
async def test_delete(tus: Tus, body: bytes) -> None:
    """TERM-03, 04, 05, 11: everything is freed, and the URL is not found by any method."""
    url = await tus.create(5, body)
    reply = await tus.delete(url)
    assert (reply.status_code, reply.content) == (204, b"")
    assert (tus.files(), tus.rows()) == ([], NOTHING)
    for after in (
        await tus.head(url),
        await tus.patch(url, 2, b"llo"),
        await tus.delete(url),
        await tus.get(url),
    ):
        assert (after.status_code, "Upload-Offset" in after.headers) == (404, False)
    assert tus.files() == []


async def test_delete_unknown(tus: Tus) -> None:
    """TERM-07."""
    reply = await tus.delete(tus.url + "0" * 32)
    assert (reply.status_code, reply.text) == (404, "ERR_UPLOAD_NOT_FOUND: upload not found\n")


@pytest.mark.parametrize("body", [None, b"", b"small"])
async def test_delete_with_a_body(tus: Tus, body: bytes | None) -> None:
    """TERM-15."""
    url = await tus.create(5)
    assert (await tus.request("DELETE", url, body)).status_code == 204


async def test_a_deleted_url_is_never_used_again(tus: Tus) -> None:
    """TERM-12."""
    url = await tus.create(5)
    await tus.delete(url)
    assert url not in {await tus.create(5) for _ in range(50)}


async def test_two_deletes_at_once(tus: Tus) -> None:
    """TERM-16."""
    url = await tus.create(5, b"hello")
    replies = await asyncio.gather(tus.delete(url), tus.delete(url))
    assert sorted(reply.status_code for reply in replies) == [204, 404]
    assert (tus.files(), tus.rows()) == ([], NOTHING)


async def test_delete_while_bytes_arrive(tus: Tus) -> None:
    """TERM-10: the writer is stopped, and what it wrote does not come back."""
    url = await tus.create(100)
    begun = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield b"hello"
        begun.set()
        await asyncio.sleep(20)
        yield b"never"

    patch = asyncio.create_task(tus.patch(url, 0, stalled()))
    await begun.wait()
    async with asyncio.timeout(5):
        assert (await tus.delete(url)).status_code == 204
        assert (await patch).status_code == 409
    assert (tus.files(), tus.rows()) == ([], NOTHING)


async def test_a_client_that_never_pauses_is_stopped_as_well(serve: Serve) -> None:
    """TERM-10, CONC-01: a body ends within half a second of being asked, however fast it comes."""
    tus = await serve(acquire_lock_timeout_s=3)
    url = await tus.create(2**40)
    over = asyncio.get_running_loop().time() + 4

    async def endless() -> AsyncIterator[bytes]:
        while asyncio.get_running_loop().time() < over:
            yield b"x" * 1024
            await asyncio.sleep(0)

    patch = asyncio.create_task(tus.patch(url, 0, endless()))
    await asyncio.sleep(0.2)
    reply = await tus.delete(url)
    assert (reply.status_code, (await patch).status_code) == (204, 409)


@pytest.mark.parametrize(
    "order",
    [pytest.param(order, id="-".join(order)) for order in itertools.permutations(("a", "b", "ab", "ba"))],
)
async def test_shared_data_files_go_with_their_last_user(tus: Tus, order: Sequence[str]) -> None:
    """CONCAT-32, 33; TERM-14: two finals share two partials; each is whole until it is deleted itself."""
    a, b = await tus.partial(b"hello"), await tus.partial(b" world")
    urls = {"a": a, "b": b, "ab": await tus.final(a, b), "ba": await tus.final(b, a, a)}
    whole = {"a": b"hello", "b": b" world", "ab": b"hello world", "ba": b" worldhellohello"}
    for gone, name in enumerate(order, 1):
        assert (await tus.delete(urls[name])).status_code == 204
        for other in order[gone:]:
            assert (await tus.get(urls[other])).content == whole[other]
        assert (await tus.get(urls[name])).status_code == 404
    assert (tus.files(), tus.rows()) == ([], NOTHING)


async def test_a_data_file_stays_only_where_it_is_needed(tus: Tus) -> None:
    """CONCAT-32: of a deleted partial nothing but its bytes is left, and these only once."""
    a, b = await tus.partial(b"hello"), await tus.partial(b" world")
    final = await tus.final(a)
    await tus.delete(a)
    await tus.delete(b)
    assert tus.files() == sorted([id_of(a), id_of(final) + ".info"])
    assert tus.rows() == {"uploads": 1, "upload_chunks": 1, "leftovers": 1}
    reply = await tus.post(Upload_Concat=f"final;{a}")
    assert reply.status_code == 400


async def test_an_expired_partial_does_not_hurt_its_final(serve: Serve) -> None:
    """CONCAT-32 by expiry, then the deletion of the final frees the bytes."""
    tus = await serve(expire_complete_after_s=3600, sweep_interval_s=0.02, tombstone_for_s=0)
    a = await tus.partial(b"hello")
    tus.clock.advance(1800)
    final = await tus.final(a)
    tus.clock.advance(1800)
    await until(lambda: tus.rows()["uploads"] == 1)
    await until(lambda: tus.files() == sorted([id_of(a), id_of(final) + ".info"]))
    assert (await tus.get(final)).content == b"hello"
    assert (await tus.delete(final)).status_code == 204
    assert (tus.files(), tus.rows()) == ([], NOTHING)
