"""The contract of an outbox: one event for each change that happened, in order, until it is delivered."""

import asyncio
from contextlib import suppress

import pytest

from tests.contract.backends import OpenCatalog
from tests.contract.uploads import HELD, NOW, final, partial, pieces, single
from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog
from tusd_py.adapters.catalog_sqlite.events import SqliteOutbox
from tusd_py.adapters.catalog_sqlite.ranges import SqliteRanges
from tusd_py.model.events import EventType, NewEvent
from tusd_py.model.requests import RequestInfo
from tusd_py.model.upload import Ranged, UploadKind
from tusd_py.ports.catalog import Catalog, CatalogUnusable
from tusd_py.ports.events import Outbox

pytestmark = pytest.mark.anyio

CREATED, COMPLETED = EventType.CREATED, EventType.COMPLETED
TERMINATED, EXPIRED = EventType.TERMINATED, EventType.EXPIRED


def outbox_of(catalog: Catalog) -> Outbox:
    """What a catalog wrote."""
    assert isinstance(catalog, SqliteCatalog)
    return SqliteOutbox(catalog)


def event(type_: EventType) -> NewEvent:
    request = RequestInfo(method="POST", uri="/files/", remote_address="192.0.2.7:50112")
    return NewEvent(type=type_, at=NOW, request=request)


async def told(catalog: Catalog, *, after: int = 0, limit: int = 1000) -> list[tuple[str, str]]:
    """What waits in the outbox: upload and type."""
    return [
        (each.upload.id, each.type.value)
        for each in await outbox_of(catalog).pending(after=after, limit=limit)
    ]


async def insert(catalog: Catalog, *names: str) -> None:
    for name in names:
        await catalog.insert(single(name), event=event(CREATED))


async def test_nothing_is_written_when_nobody_wants_to_know(catalog: Catalog) -> None:
    await catalog.insert(single("a"))
    await catalog.complete(single("a"), NOW, HELD, expires_at=None)
    await catalog.release("a", HELD, tombstone_until=None)
    assert await told(catalog) == []


async def test_an_event_comes_back_as_it_was(catalog: Catalog) -> None:
    """The upload as the catalog has it, and the request; each event has an id of its own."""
    upload = single("a", user="J\xfcrgen", metadata={"k": bytes(range(256))}, expires_at=NOW)
    written = event(CREATED)
    await catalog.insert(upload, event=written)
    await catalog.insert(single("b"), event=NewEvent(type=CREATED, at=NOW + 1))
    first, second = await outbox_of(catalog).pending(limit=10)
    assert (first.type, first.at, first.request) == (CREATED, NOW, written.request)
    assert first.upload == upload
    assert (second.at, second.request) == (NOW + 1, None)
    assert len(first.id) == len(second.id) == 32
    assert first.id != second.id


async def test_every_change_of_an_upload_in_order(catalog: Catalog) -> None:
    """Creating, completing and giving up."""
    upload = single("a")
    await catalog.insert(upload, event=event(CREATED))
    await catalog.complete(upload, NOW, HELD, expires_at=None, event=event(COMPLETED))
    await catalog.release("a", HELD, tombstone_until=NOW, event=event(EXPIRED))
    assert await told(catalog) == [("a", "created"), ("a", "completed"), ("a", "expired")]
    created, completed, expired = [each.upload for each in await outbox_of(catalog).pending(limit=10)]
    assert (created.state, completed.state, completed.completed_at) == ("open", "complete", NOW)
    assert expired == completed, "as it was"


async def test_an_upload_that_was_there_is_not_created(catalog: Catalog) -> None:
    await insert(catalog, "a", "a")
    assert await told(catalog) == [("a", "created")]


async def test_an_upload_is_completed_once(catalog: Catalog) -> None:
    """Also not when it is gone, or never was."""
    for name in ("a", "gone"):
        await catalog.insert(single(name))
    await catalog.release("gone", HELD, tombstone_until=NOW)
    for name in ("a", "a", "gone", "never"):
        await catalog.complete(single(name), NOW, HELD, expires_at=None, event=event(COMPLETED))
    assert await told(catalog) == [("a", "completed")]


@pytest.mark.parametrize("until", [None, NOW], ids=["deleted", "tombstone"])
async def test_an_upload_goes_once(catalog: Catalog, until: float | None) -> None:
    """Not again, and not when it never was."""
    await catalog.insert(single("a"))
    for name in ("a", "a", "never"):
        await catalog.release(name, HELD, tombstone_until=until, event=event(TERMINATED))
    assert await told(catalog) == [("a", "terminated")]


async def test_that_a_tombstone_is_forgotten_is_not_told(catalog: Catalog) -> None:
    await catalog.insert(single("a"))
    await catalog.release("a", HELD, tombstone_until=NOW, event=event(EXPIRED))
    await catalog.release("a", HELD, tombstone_until=None, event=event(TERMINATED))
    assert await told(catalog) == [("a", "expired")]


async def test_a_partial_and_its_final(catalog: Catalog) -> None:
    """The event of a final has the length that it turned out to have."""
    await catalog.insert(partial("p", 3), event=event(CREATED))
    await catalog.complete(partial("p", 3), NOW, HELD, expires_at=None, event=event(COMPLETED))
    await catalog.insert_final(final("f"), pieces("f", "p", "p"), max_size=None, event=event(CREATED))
    assert await told(catalog) == [("p", "created"), ("p", "completed"), ("f", "created")]
    assert (await outbox_of(catalog).pending(limit=10))[-1].upload.length == 6


async def test_a_final_that_is_refused_was_not_created(catalog: Catalog) -> None:
    """What shares its transaction is told of."""
    await catalog.insert(partial("p", 3))
    refused = (
        catalog.insert_final(final(name), pieces(name, source), max_size=size, event=event(CREATED))
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
                upload, HELD, expected_sha256=None, key=None, durable=False, event=event(CREATED)
            )
    assert await told(catalog) == [("s", "created")]


async def test_what_is_delivered_is_pending_no_more(open_another: OpenCatalog, catalog: Catalog) -> None:
    """At least once: until then every process sees it, also one that starts later."""
    await insert(catalog, "a", "b", "c")
    other = await open_another()
    first, second, third = await outbox_of(other).pending(limit=10)
    assert first.position < second.position < third.position
    await outbox_of(other).delivered([second.position, 10**9])
    assert await told(catalog) == await told(other) == [("a", "created"), ("c", "created")]
    assert await told(catalog, after=first.position) == [("c", "created")]
    assert await told(catalog, limit=1) == [("a", "created")]


async def test_the_outbox_is_bounded(catalog: Catalog) -> None:
    """Of what nobody delivers the newest stay."""
    await insert(catalog, "a", "b", "c", "d")
    outbox = outbox_of(catalog)
    assert await outbox.drop_oldest(most=4) == 0
    assert await outbox.drop_oldest(most=2) == 2
    assert await told(catalog) == [("c", "created"), ("d", "created")]
    assert await outbox.drop_oldest(most=0) == 2
    assert await told(catalog) == []


async def test_no_position_is_used_twice(catalog: Catalog) -> None:
    """Whoever read up to one misses nothing, and who reports a delivery late removes nothing else."""
    await insert(catalog, "a")
    (last,) = await outbox_of(catalog).pending(limit=10)
    await outbox_of(catalog).delivered([last.position])
    await insert(catalog, "b")
    await outbox_of(catalog).delivered([last.position])
    assert await told(catalog, after=last.position) == [("b", "created")]


async def test_the_order_is_that_of_the_changes(open_another: OpenCatalog, catalog: Catalog) -> None:
    """For each upload, whichever processes made them, many at once."""
    catalogs = [catalog, await open_another()]

    async def live(name: str, turn: int) -> None:
        upload = single(name)
        await catalogs[turn % 2].insert(upload, event=event(CREATED))
        await catalogs[(turn + 1) % 2].complete(upload, NOW, HELD, expires_at=None, event=event(COMPLETED))
        await catalogs[turn % 2].release(name, HELD, tombstone_until=None, event=event(TERMINATED))

    await asyncio.gather(*(live(f"u{turn}", turn) for turn in range(20)))
    events = await told(catalog)
    for turn in range(20):
        of_one = [type_ for upload_id, type_ in events if upload_id == f"u{turn}"]
        assert of_one == ["created", "completed", "terminated"]
