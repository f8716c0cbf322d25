"""Decides who may write a range, and when a range may be deleted. Pure functions; any catalog uses them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import ChunkState, UploadChunk, UploadState

#: Most ranges that a refusal names.
NAMED: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The range that a request wants to write."""

    upload_id: str
    range: ByteRange
    chunk_id: str
    worker: str
    at: float  # seconds since 1970
    replace: bool = False  # an identical range may be written again
    max_chunks: int | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """The caller may write the range; it replaces ``replaced`` if that is not None."""

    chunk: UploadChunk
    replaced: UploadChunk | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """Exactly this range was received before; nothing may be written."""

    chunk: UploadChunk


@dataclass(frozen=True, slots=True)
class Busy:
    """Another request is writing bytes of this range."""

    chunk: UploadChunk


@dataclass(frozen=True, slots=True)
class Overlap:
    """The range overlaps received ranges without being one of them; these are the first of them."""

    conflicts: Sequence[ByteRange]


@dataclass(frozen=True, slots=True)
class Full:
    """The upload has as many chunks as it may have."""

    limit: int


@dataclass(frozen=True, slots=True)
class NotOpen:
    """The upload is in a state in which no range may change; None: the upload does not exist."""

    state: UploadState | None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The range was deleted and counts as missing."""

    chunk: UploadChunk


@dataclass(frozen=True, slots=True)
class Absent:
    """No range starts there."""


Answer: TypeAlias = Granted | Repeat | Busy | Overlap | Full | NotOpen


def decide(
    wish: Wish, *, state: UploadState | None, chunk_count: int, neighbours: Sequence[UploadChunk]
) -> Answer:
    """Decide a claim.

    Args:
        wish: What is wanted.
        state: The upload's; None when there is no such upload.
        chunk_count: How many ranges and claims the upload has.
        neighbours: Those of them that have a byte in common with the wanted range, by offset. A claim
            among them is named before any received range, so that one claim stands for all.
    """
    is_open = state is UploadState.OPEN
    same = next((each for each in neighbours if each.range == wish.range), None)
    if same is not None and same.state is ChunkState.RECEIVING:
        same = None
    if same is not None and not (wish.replace and is_open):
        return Repeat(same)
    if not is_open:
        return NotOpen(state)
    in_the_way = [each for each in neighbours if each is not same]
    for each in in_the_way:
        if each.state is ChunkState.RECEIVING:
            return Busy(each)
    if in_the_way:
        return Overlap([each.range for each in in_the_way])
    if wish.max_chunks is not None and chunk_count - (same is not None) >= wish.max_chunks:
        return Full(wish.max_chunks)
    chunk = UploadChunk(
        id=wish.chunk_id,
        upload_id=wish.upload_id,
        offset=wish.range.start,
        size=wish.range.size,
        state=ChunkState.RECEIVING,
        data_file=wish.upload_id,
        start=wish.range.start,
        worker=wish.worker,
        created_at=wish.at,
    )
    return Granted(chunk, same)


def decide_deletion(
    chunk: UploadChunk | None, *, state: UploadState | None
) -> Forgotten | Busy | NotOpen | Absent:
    """Decide whether the range that starts at a place is forgotten; ``chunk`` is what starts there."""
    if chunk is None:
        return Absent()
    if chunk.state is ChunkState.RECEIVING:
        return Busy(chunk)
    if state is not UploadState.OPEN:
        return NotOpen(state)
    return Forgotten(chunk)
