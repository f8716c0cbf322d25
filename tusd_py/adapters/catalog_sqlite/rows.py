"""Converts values to rows of the catalog's tables and back, in the order of the lists of columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tusd_py.adapters.catalog_sqlite.writer import Parameters
from tusd_py.model.upload import (
    GROWING,
    JOINED,
    ChunkState,
    Growing,
    Layout,
    Move,
    Ranged,
    Upload,
    UploadChunk,
    UploadKind,
    UploadState,
)

COLUMNS: Final = (
    "id, kind, state, length, user, metadata, metadata_header, concat_header,"
    " created_at, completed_at, expires_at, unverified_from, prefix"
)
CHUNK_COLUMNS: Final = (
    "upload_id, position, id, size, state, sha256, data_file, start, source_id,"
    " worker, created_at, completed_at"
)


def marks(count: int) -> str:
    """Return the SQL of a row with ``count`` parameters."""
    return ", ".join("?" * count)


def before(move: Move) -> str:
    """Return the condition, in SQL, under which a move is legal."""
    return f"state IN ({', '.join(repr(state.value) for state in move.before)})"


def after(move: Move) -> str:
    """Return the assignment, in SQL, that a move makes."""
    return f"state = {move.after.value!r}"


def _checked(text: str | None) -> str | None:
    """Return ``text``.

    Raises:
        ValueError: SQLite would not return it unchanged; it cuts text at NUL.
    """
    if text is not None:
        text.encode()
        if "\0" in text:
            raise ValueError("text with NUL cannot be kept")
    return text


def upload_row(upload: Upload) -> Parameters:
    """Return the row of an upload, in the order of COLUMNS. Raises ValueError: text that cannot be stored."""
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
        upload.layout.unverified_from if isinstance(upload.layout, Growing) else None,
        upload.layout.prefix if isinstance(upload.layout, Ranged) else None,
    )


def _layout_of(kind: str, unverified_from: int | None, prefix: int | None) -> Layout:
    if kind == UploadKind.FINAL:
        return JOINED
    if prefix is not None:
        return Ranged(prefix)
    return GROWING if unverified_from is None else Growing(unverified_from)


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
        layout=_layout_of(row[1], row[11], row[12]),
    )


def chunk_row(chunk: UploadChunk, position: int) -> Parameters:
    """Return the row of a chunk, in the order of CHUNK_COLUMNS.

    ``position`` orders the chunks of an upload: their offset if they arrive in any order, else 0, 1, 2 ...
    """
    is_size_known = chunk.source_id is None or chunk.state is ChunkState.RECEIVED
    return (
        chunk.upload_id,
        position,
        chunk.id,
        chunk.size if is_size_known else None,
        chunk.state.value,
        chunk.sha256,
        None if chunk.data_file == chunk.upload_id else chunk.data_file,
        chunk.start,
        chunk.source_id,
        chunk.worker,
        chunk.created_at,
        chunk.completed_at,
    )


def chunk_of(row: Sequence[Any], offset: int) -> UploadChunk:
    """Return the chunk of a row with CHUNK_COLUMNS that begins at byte ``offset`` of its upload."""
    return UploadChunk(
        upload_id=row[0],
        offset=offset,
        id=row[2],
        size=row[3],
        state=ChunkState(row[4]),
        sha256=row[5],
        data_file=row[0] if row[6] is None else row[6],
        start=row[7],
        source_id=row[8],
        worker=row[9],
        created_at=row[10],
        completed_at=row[11],
    )


def ranged_chunk_of(row: Sequence[Any]) -> UploadChunk:
    """Return the chunk of a row with CHUNK_COLUMNS, of an upload whose chunks come in any order."""
    return chunk_of(row, row[1])
