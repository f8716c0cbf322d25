"""Requests that an upload refuses: it is not there, it is in use, or its bytes are not what they must be."""

from __future__ import annotations

from collections.abc import Mapping

from tusd_py.errors import UploadError


class UploadNotFound(UploadError):
    """No such upload, or it is another user's."""

    code = "ERR_UPLOAD_NOT_FOUND"
    status = 404

    def __init__(self) -> None:
        super().__init__("upload not found")


class UploadExpired(UploadError):
    """The upload expired; said for a while after, then it is simply not found."""

    code = "ERR_UPLOAD_EXPIRED"
    status = 410

    def __init__(self) -> None:
        super().__init__("upload has expired, start a new one")


class UploadLocked(UploadError):
    """Another request holds the upload and did not let go in time; worth another try."""

    code = "ERR_UPLOAD_LOCKED"
    status = 423
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("upload is in use by another request, try again")


class MaxSizeExceeded(UploadError):
    """The upload would be larger than the server takes."""

    code = "ERR_MAX_SIZE_EXCEEDED"
    status = 413

    def __init__(self, *, max_size: int) -> None:
        super().__init__(f"maximum size exceeded, at most {max_size} bytes are taken", max=max_size)


class UploadRefused(UploadError):
    """An application's callable refused the request. Raise it there to choose the whole answer."""

    code = "ERR_UPLOAD_REJECTED"
    status = 400

    def __init__(
        self,
        message: str = "request has been rejected by server",
        *,
        status: int = 400,
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


class OffsetConflict(UploadError):
    """An answer that tells the client where the upload stands. ``offset`` is in bytes."""

    status = 409

    def __init__(self, message: str, *, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class OffsetMismatch(OffsetConflict):
    """The request's ``Upload-Offset`` is not the upload's offset; nothing was written."""

    code = "ERR_MISMATCHED_OFFSET"

    def __init__(self, *, expected: int, provided: int) -> None:
        super().__init__(f"offset is {expected}, request said {provided} (bytes)", offset=expected)


class UploadInterrupted(OffsetConflict):
    """Another request took the upload over; what had arrived by then is stored, up to ``offset``."""

    code = "ERR_UPLOAD_INTERRUPTED"

    def __init__(self, *, offset: int) -> None:
        super().__init__("another request for this upload took over", offset=offset)


class FinalIsImmutable(UploadError):
    """A final upload takes no bytes: not by PATCH, not with its creation."""

    code = "ERR_MODIFY_FINAL"
    status = 403

    def __init__(self) -> None:
        super().__init__("a final upload takes no bytes of its own")


class LengthExceeded(UploadError):
    """The body is longer than what is left of the upload. ``offset``: bytes that the upload now holds."""

    code = "ERR_UPLOAD_SIZE_EXCEEDED"
    status = 413

    def __init__(self, *, length: int, offset: int) -> None:
        super().__init__(f"body goes beyond the upload's length of {length} bytes")
        self.offset = offset


class ChecksumMismatch(UploadError):
    """The bytes are not those the checksum was made of; all of this request's bytes were discarded."""

    code = "ERR_CHECKSUM_MISMATCH"
    status = 460

    def __init__(self, *, algorithm: str) -> None:
        super().__init__(f"{algorithm} of the body differs from Upload-Checksum, its bytes were discarded")


class UnexpectedEof(UploadError):
    """The body was shorter than announced, or its chunked coding is broken. What arrived is stored."""

    code = "ERR_UNEXPECTED_EOF"
    status = 400

    def __init__(self) -> None:
        super().__init__("server expected to receive more bytes")


class ReadTimeout(UploadError):
    """No byte arrived for the network time-out. What had arrived is stored; clients retry a 5xx."""

    code = "ERR_READ_TIMEOUT"
    status = 500

    def __init__(self) -> None:
        super().__init__("timeout while reading request body")


class OutOfOrder(UploadError):
    """A PATCH for an upload that has chunks beyond the contiguous ones; it goes on by chunks only.

    403, because clients of tus try 409 and 423 again, which would never end here.
    """

    code = "ERR_CHUNKS_OUT_OF_ORDER"
    status = 403

    def __init__(self) -> None:
        super().__init__("chunks beyond the offset have been received, go on through the chunk API")


class CommittedIsImmutable(UploadError):
    """A PATCH for an upload that is committed, or just being committed."""

    code = "ERR_UPLOAD_COMMITTED"
    status = 403

    def __init__(self) -> None:
        super().__init__("the upload is committed and takes no more bytes")
