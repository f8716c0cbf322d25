"""Refusals of chunks."""

from __future__ import annotations

from collections.abc import Sequence

from tusd_py.errors import UploadError
from tusd_py.model.commits import Piece
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import UploadChunk


class InvalidContentRange(UploadError):
    """``Content-Range`` is missing, malformed, or leads out of the upload."""

    code = "ERR_CONTENT_RANGE"
    status = 400


class ContentRangeTotal(UploadError):
    """The total in ``Content-Range`` is not the upload's size; perhaps it is the wrong file."""

    code = "ERR_CONTENT_RANGE_TOTAL"
    status = 400

    def __init__(self, *, size: int, total: int) -> None:
        super().__init__(
            f"Content-Range speaks of a file of {total} bytes, the upload has {size}", size=size, total=total
        )


class ChunkSizeMismatch(UploadError):
    """The body is shorter or longer than its range. ``actual``: bytes received; None: more than expected."""

    code = "ERR_CHUNK_SIZE"
    status = 400

    def __init__(self, *, expected: int, actual: int | None) -> None:
        seen = "more" if actual is None else str(actual)
        super().__init__(
            f"the range has {expected} bytes, the body {seen}; the range counts as missing",
            expected=expected,
            actual=actual,
        )


class InvalidDigest(UploadError):
    """A digest header is malformed, or names an algorithm that is not supported."""

    code = "ERR_INVALID_DIGEST"
    status = 400

    def __init__(self, name: str, problem: str, supported: Sequence[str]) -> None:
        super().__init__(f"{name} {problem}", supported=supported)


class ChunkDigestMismatch(UploadError):
    """The bytes of a chunk do not have the given digest; the range stays missing."""

    code = "ERR_CHUNK_DIGEST_MISMATCH"
    status = 400

    def __init__(self, *, algorithm: str, expected: str, actual: str) -> None:
        super().__init__(
            f"{algorithm} of the chunk differs, send this chunk again",
            algorithm=algorithm,
            expected=expected,
            actual=actual,
        )


class ChunkTimeout(UploadError):
    """No byte of a chunk arrived for a time-out (idle or network); the range counts as missing."""

    code = "ERR_REQUEST_TIMEOUT"
    status = 408

    def __init__(self) -> None:
        super().__init__("timeout while reading the chunk, send it again")


class RangeOverlap(UploadError):
    """The range overlaps received ranges without being one of them; nothing was written."""

    code = "ERR_RANGE_OVERLAP"
    status = 409

    def __init__(self, *, conflicts: Sequence[ByteRange], missing: Sequence[ByteRange]) -> None:
        super().__init__(
            "the range overlaps what is there already, send only what is missing",
            conflicts=conflicts,
            missing=missing,
        )


class ChunkConflict(UploadError):
    """The range was received before with other bytes; those are kept."""

    code = "ERR_CHUNK_CONFLICT"
    status = 409

    def __init__(self, chunk: UploadChunk) -> None:
        super().__init__(
            "the range is there with other bytes; if the file changed, delete the chunk or start over",
            chunk=Piece(chunk.offset, chunk.size, chunk.sha256),
        )


class UploadNotOpen(UploadError):
    """The upload's state allows no chunk, or no deletion."""

    code = "ERR_UPLOAD_NOT_OPEN"
    status = 409

    def __init__(self, state: str, message: str = "") -> None:
        super().__init__(message or f"the upload is {state}, its chunks do not change any more", state=state)


class ChunkTooLarge(UploadError):
    """The range is larger than the server accepts in one request."""

    code = "ERR_CHUNK_TOO_LARGE"
    status = 413

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"a chunk has at most {limit} bytes", max=limit)


class TooManyChunks(UploadError):
    """The upload has as many chunks as it may have."""

    code = "ERR_TOO_MANY_CHUNKS"
    status = 413

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"an upload has at most {limit} chunks, send larger ones", max=limit)


class ChunkInProgress(UploadError):
    """Another request is sending bytes of this range."""

    code = "ERR_CHUNK_IN_PROGRESS"
    status = 423

    def __init__(self, byte_range: ByteRange) -> None:
        super().__init__("another request is sending these bytes, look again in a moment", range=byte_range)


class ChunkNotFound(UploadError):
    """No received chunk starts at this offset."""

    code = "ERR_CHUNK_NOT_FOUND"
    status = 404

    def __init__(self) -> None:
        super().__init__("no chunk starts at this offset")


class SessionExpired(UploadError):
    """The upload has expired. After ``tombstone_for_s`` it is not found instead."""

    code = "ERR_UPLOAD_EXPIRED"
    status = 410

    def __init__(self, *, expired_at: float | None) -> None:
        super().__init__("upload has expired, start a new one")
        self.expired_at = expired_at  # seconds since 1970
