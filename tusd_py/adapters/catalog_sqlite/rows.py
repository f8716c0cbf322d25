"""Rows of the catalog's tables, both ways. The column lists and the functions go together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tusd_py.adapters.catalog_sqlite.writer import Parameters
from tusd_py.model.upload import MOVES, Upload, UploadChunk, UploadEvent, UploadKind, UploadState

COLUMNS: Final = (
    "id, kind, state, length, user, metadata, metadata_header, concat_header,"
    " created_at, completed_at, expires_at, unverified_from, prefix"
)
CHUNK_COLUMNS: Final = "upload_id, position, size, data_file, start, source_id"


def marks(count: int) -> str:
    """Return SQL for a row of ``count`` parameters."""
    return ", ".join("?" * count)


def before(event: UploadEvent) -> str:
    """Return the condition, in SQL, under which an event is legal."""
    return f"state IN ({', '.join(repr(state.value) for state in MOVES[event].before)})"


def after(event: UploadEvent) -> str:
    """Return the assignment, in SQL, that an event makes."""
    return f"state = {MOVES[event].after.value!r}"


def _checked(text: str | None) -> str | None:
    """Return ``text`` if SQLite can keep it and give it back; it would cut it at NUL.

    Raises:
        ValueError: It cannot.
    """
    if text is not None:
        text.encode()
        if "\0" in text:
            raise ValueError("text with NUL cannot be kept")
    return text


def upload_row(upload: Upload) -> Parameters:
    """Return the row of an upload, in the order of COLUMNS. Raises ValueError: text that cannot be kept."""
    metadata = {key: value.decode("latin-1") for key, value in upload.metadata.items()}
    return (
        upload.id,
        upload.kind.value,
        upload.state.value,
        upload.length,
        _checked(upload.user),
        json.dumps(metadata) if metadata else "{}",
        _checked(upload.metadata_header),
        _checked(upload.concat_header),
        upload.created_at,
        upload.completed_at,
        upload.expires_at,
        upload.unverified_from,
        upload.prefix,
    )


def upload_of(row: Sequence[Any]) -> Upload:
    """Return the upload of a row with COLUMNS."""
    metadata: Mapping[str, str] = json.loads(row[5]) if row[5] != "{}" else {}
    return Upload(
        id=row[0],
        kind=UploadKind(row[1]),
        state=UploadState(row[2]),
        length=row[3],
        user=row[4],
        metadata={key: value.encode("latin-1") for key, value in metadata.items()},
        metadata_header=row[6],
        concat_header=row[7],
        created_at=row[8],
        completed_at=row[9],
        expires_at=row[10],
        unverified_from=row[11],
        prefix=row[12],
    )


def chunk_row(chunk: UploadChunk) -> Parameters:
    """Return the row of a chunk, in the order of CHUNK_COLUMNS."""
    return (chunk.upload_id, chunk.position, chunk.size, chunk.data_file, chunk.start, chunk.source_id)


def chunk_of(row: Sequence[Any]) -> UploadChunk:
    """Return the chunk of a row with CHUNK_COLUMNS."""
    upload_id, position, size, data_file, start, source_id = row
    return UploadChunk(
        upload_id=upload_id,
        position=position,
        size=size,
        data_file=data_file,
        start=start,
        source_id=source_id,
    )
