"""The contract of an outbox: one event for each change that happened, in order, until it is delivered."""

import asyncio
from contextlib import suppress

import pytest

from tests.contract.backends import OpenCatalog
from tests.contract.uploads import HELD, NOW, final, partial, pieces, single
from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog
from tusd_py.adapters.catalog_sqlite.events import SqliteOutbox
from tusd_py.adapters.catalog_sqlite.ranges import SqliteRanges
from tusd_py.model.events import Event, EventType, UploadSnapshot
from tusd_py.model.requests import RequestInfo
from tusd_py.model.upload import Ranged, Upload, UploadKind
from tusd_py.ports.catalog import Catalog, CatalogUnusable
from tusd_py.ports.events import Outbox

pytestmark = pytest.mark.anyio

CREATED, COMPLETED = EventType.CREATED, EventType.COMPLETED
TERMINATED, EXPIRED = EventType.TERMINATED, EventType.EXPIRED


def outbox_of(catalog: Catalog) -> Outbox:
    """What a catalog wrote."""
    assert isinstance(catalog, SqliteCatalog)
    return SqliteOutbox(catalog)


def event(type_: EventType, upload: Upload) -> Event:
    request = RequestInfo(method="POST", uri="/files/", remote_address="192.0.2.7:50112")
    return Event(type=type_, at=NOW, upload=UploadSnapshot.of(upload), request=request)


async def told(catalog: Catalog, *, after: int = 0, limit: int = 1000) -> list[tuple[str, str]]:
    """What waits in the outbox: upload and type."""
    return [
        (each.event.upload.id, each.event.type.value)
        for each in await outbox_of(catalog).pending(after=after, limit=limit)
    ]


async def insert(catalog: Catalog, *names: str) -> None:
    for name in names:
        await catalog.insert(single(name), event=event(CREATED, single(name)))


async def test_nothing_is_written_when_nobody_wants_to_know(catalog: Catalog) -> None:
    await catalog.insert(single("a"))
    await catalog.complete(single("a"), NOW, HELD, expires_at=None)
    await catalog.release("a", HELD, tombstone_until=None)
    assert await told(catalog) == []


async def test_an_event_comes_back_as_it_was(catalog: Catalog) -> None:
    upload = single("a", user="J\xfcrgen", metadata={"k": bytes(range(256))}, expires_at=NOW)
    written = event(CREATED, upload)
    await catalog.insert(upload, event=written)
    (recorded,) = await outbox_of(catalog).pending(limit=10)
    assert recorded.event == written


async def test_every_change_of_an_upload_in_order(catalog: Catalog) -> None:
    """Creating, completing and giving up."""
    upload = single("a")
    await catalog.insert(upload, event=event(CREATED, upload))
    await catalog.complete(upload, NOW, HELD, expires_at=None, event=event(COMPLETED, upload))
    await catalog.release("a", HELD, tombstone_until=NOW, event=event(EXPIRED, upload))
    assert await told(catalog) == [("a", "created"), ("a", "completed"), ("a", "expired")]


async def test_an_upload_that_was_there_is_not_created(catalog: Catalog) -> None:
    await insert(catalog, "a", "a")
    assert await told(catalog) == [("a", "created")]


async def test_an_upload_is_completed_once(catalog: Catalog) -> None:
    """Also not when it is gone, or never was."""
    for name in ("a", "gone"):
        await catalog.insert(single(name))
    await catalog.release("gone", HELD, tombstone_until=NOW)
    for name in ("a", "a", "gone", "never"):
        await catalog.complete(single(name), NOW, HELD, expires_at=None, event=event(COMPLETED, single(name)))
    assert await told(catalog) == [("a", "completed")]


@pytest.mark.parametrize("first", [None, NOW], ids=["deleted", "tombstone"])
@pytest.mark.parametrize("second", [None, NOW + 1], ids=["deleted", "tombstone"])
async def test_an_upload_goes_once(catalog: Catalog, first: float | None, second: float | None) -> None:
    """A tombstone that is forgotten is nothing that happened to an upload."""
    await catalog.insert(single("a"))
    for until in (first, second):
        await catalog.release("a", HELD, tombstone_until=until, event=event(TERMINATED, single("a")))
    await catalog.release("never", HELD, tombstone_until=None, event=event(TERMINATED, single("never")))
    assert await told(catalog) == [("a", "terminated")]


async def test_a_partial_and_its_final(catalog: Catalog) -> None:
    """The event of a final has the length that it turned out to have."""
    await catalog.insert(partial("p", 3), event=event(CREATED, partial("p", 3)))
    await catalog.complete(
        partial("p", 3), NOW, HELD, expires_at=None, event=event(COMPLETED, partial("p", 3))
    )
    await catalog.insert_final(
        final("f"), pieces("f", "p", "p"), max_size=None, event=event(CREATED, final("f"))
    )
    assert await told(catalog) == [("p", "created"), ("p", "completed"), ("f", "created")]
    assert (await outbox_of(catalog).pending(limit=10))[-1].event.upload.length == 6


async def test_a_final_that_is_refused_was_not_created(catalog: Catalog) -> None:
    """What shares its transaction is told of."""
    await catalog.insert(partial("p", 3))
    refused = (
        catalog.insert_final(final(name), pieces(name, source), max_size=size, event=event(CREATED, final()))
        for name, source, size in (("f", "missing", None), ("g", "p", 2))
    )
    await asyncio.gather(*refused, insert(catalog, "a"), return_exceptions=True)
    assert await told(catalog) == [("a", "created")]


async def test_a_session_and_its_event(catalog: Catalog) -> None:
    assert isinstance(catalog, SqliteCatalog)
    ranges, upload = SqliteRanges(catalog), single("s", kind=UploadKind.SESSION, layout=Ranged(0))
    for _ in range(2):
        with suppress(CatalogUnusable):
            await ranges.insert_session(
                upload, HELD, expected_sha256=None, key=None, durable=False, event=event(CREATED, upload)
            )
    assert await told(catalog) == [("s", "created")]


async def test_what_is_delivered_is_pending_no_more(open_another: OpenCatalog, catalog: Catalog) -> None:
    """At least once: until then every process sees it, also one that starts later."""
    await insert(catalog, "a", "b", "c")
    other = await open_another()
    first, second, third = await outbox_of(other).pending(limit=10)
    assert first.position < second.position < third.position
    await outbox_of(other).delivered([second.position, 10**9], NOW)
    assert await told(catalog) == await told(other) == [("a", "created"), ("c", "created")]
    assert await told(catalog, after=first.position) == [("c", "created")]
    assert await told(catalog, limit=1) == [("a", "created")]


async def test_the_outbox_is_bounded(catalog: Catalog) -> None:
    """What was delivered goes after a time; of what nobody delivers the newest stay."""
    await insert(catalog, "a", "b", "c", "d", "e")
    outbox = outbox_of(catalog)
    positions = [each.position for each in await outbox.pending(limit=10)]
    await outbox.delivered(positions[1:2], NOW)
    assert await outbox.prune(delivered_before=NOW, most_pending=4) == 0
    assert await outbox.prune(delivered_before=NOW + 1, most_pending=2) == 2
    assert await told(catalog) == [("d", "created"), ("e", "created")]
    assert await outbox.prune(delivered_before=NOW + 1, most_pending=0) == 2
    assert await told(catalog) == []


async def test_no_position_is_used_twice(catalog: Catalog) -> None:
    """Whoever remembers how far it read misses nothing, though all that it read was removed."""
    await insert(catalog, "a")
    (last,) = await outbox_of(catalog).pending(limit=10)
    await outbox_of(catalog).prune(delivered_before=NOW, most_pending=0)
    await insert(catalog, "b")
    assert await told(catalog, after=last.position) == [("b", "created")]


async def test_the_order_is_that_of_the_changes(open_another: OpenCatalog, catalog: Catalog) -> None:
    """For each upload, whichever processes made them, many at once."""
    catalogs = [catalog, await open_another()]

    async def live(name: str, turn: int) -> None:
        upload = single(name)
        await catalogs[turn % 2].insert(upload, event=event(CREATED, upload))
        await catalogs[(turn + 1) % 2].complete(
            upload, NOW, HELD, expires_at=None, event=event(COMPLETED, upload)
        )
        await catalogs[turn % 2].release(name, HELD, tombstone_until=None, event=event(TERMINATED, upload))

    await asyncio.gather(*(live(f"u{turn}", turn) for turn in range(20)))
    events = await told(catalog)
    for turn in range(20):
        of_one = [type_ for upload_id, type_ in events if upload_id == f"u{turn}"]
        assert of_one == ["created", "completed", "terminated"]
