"""Turns the catalog's decisions about ranges and commits into refusals."""

from __future__ import annotations

from tusd_py.errors import UploadError
from tusd_py.errors.chunks import ChunkInProgress, ChunkNotFound, RangeOverlap, TooManyChunks, UploadNotOpen
from tusd_py.errors.commits import SessionIncomplete
from tusd_py.errors.uploads import UploadNotFound
from tusd_py.model.claims import NAMED, Absent, Busy, Full, NotOpen, Overlap
from tusd_py.model.commits import Incomplete
from tusd_py.model.upload import UploadState
from tusd_py.ports.ranges import RangeCatalog


async def refusal_of(
    answer: Busy | Overlap | Full | NotOpen | Absent | Incomplete, ranges: RangeCatalog, upload_id: str
) -> UploadError:
    """Return the refusal for a decision; that of an overlap also names missing ranges."""
    match answer:
        case Busy(chunk):
            return ChunkInProgress(chunk.range)
        case Overlap(conflicts):
            # Not in the transaction that decided: others would wait while the missing ranges are listed.
            missing = await ranges.missing(upload_id, limit=NAMED)
            return RangeOverlap(conflicts=conflicts, missing=missing)
        case Full(limit):
            return TooManyChunks(limit=limit)
        case NotOpen(None):
            return UploadNotFound()
        case NotOpen(UploadState.COMPLETE):
            return UploadNotOpen("completed")
        case NotOpen(state):
            return UploadNotOpen(str(state))
        case Incomplete(missing, in_progress):
            return SessionIncomplete(missing=missing, in_progress=in_progress)
        case Absent():
            return ChunkNotFound()
