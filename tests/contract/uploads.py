"""Uploads for the tests of catalogs."""

from collections.abc import Sequence
from typing import Any

from tusd_py.model.body import StopSignal
from tusd_py.model.upload import JOINED, ChunkState, Upload, UploadChunk, UploadKind
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.locks import Held

NOW = 1_800_000_000.0
#: The lock of whatever upload a test changes.
HELD = Held(0, StopSignal())


def lost() -> Held:
    """A lock that was lost."""
    held = Held(0, StopSignal())
    held.lose()
    return held


def single(upload_id: str, **changes: Any) -> Upload:
    """An open upload of ten bytes, unless told otherwise."""
    fields: dict[str, Any] = {"id": upload_id, "length": 10, "created_at": NOW}
    return Upload(**(fields | changes))


def partial(upload_id: str, length: int | None = 10, **changes: Any) -> Upload:
    """An open partial upload."""
    return single(upload_id, kind=UploadKind.PARTIAL, length=length, concat_header="partial", **changes)


def final(upload_id: str = "f", **changes: Any) -> Upload:
    """A final whose length is not known yet."""
    return single(upload_id, **({"kind": UploadKind.FINAL, "length": None, "layout": JOINED} | changes))


def pieces(upload_id: str, *partial_ids: str, sizes: Sequence[int] | None = None) -> list[UploadChunk]:
    """The chunks of a final, none of them complete, as the service asks for them."""
    known = sizes or [0] * len(partial_ids)
    return [
        UploadChunk(
            id=name,
            upload_id=upload_id,
            offset=sum(known[:position]),
            size=known[position],
            state=ChunkState.RECEIVING,
            data_file=name,
            source_id=name,
            created_at=NOW,
        )
        for position, name in enumerate(partial_ids)
    ]


async def chunks_of(catalog: Catalog, upload_id: str) -> list[UploadChunk]:
    """The chunks that the catalog has of an upload; of a final if there is no upload."""
    return [each async for each in catalog.chunks(await catalog.get(upload_id) or final(upload_id))]
