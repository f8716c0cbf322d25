"""Uploads for the tests of catalogs."""

from typing import Any

from tusd_py.model.upload import Upload, UploadChunk, UploadKind

NOW = 1_800_000_000.0


def single(upload_id: str, **changes: Any) -> Upload:
    """An open upload of ten bytes, unless told otherwise."""
    fields: dict[str, Any] = {"id": upload_id, "length": 10, "created_at": NOW}
    return Upload(**(fields | changes))


def partial(upload_id: str, length: int | None = 10, **changes: Any) -> Upload:
    """An open partial upload."""
    return single(upload_id, kind=UploadKind.PARTIAL, length=length, concat_header="partial", **changes)


def final(upload_id: str = "f", **changes: Any) -> Upload:
    """A final whose length is not known yet."""
    return single(upload_id, **({"kind": UploadKind.FINAL, "length": None} | changes))


def pieces(upload_id: str, *partial_ids: str) -> list[UploadChunk]:
    """The chunks of a final, sizes unknown, as the service asks for them."""
    return [
        UploadChunk(upload_id=upload_id, position=position, size=None, data_file=name, source_id=name)
        for position, name in enumerate(partial_ids)
    ]
