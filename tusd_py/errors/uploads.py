"""Refusals about an upload: it does not exist, is in use, or received the wrong bytes."""

from __future__ import annotations

from collections.abc import Mapping

from tusd_py.errors import UploadError


class UploadNotFound(UploadError):
    """There is no such upload, or it belongs to another user."""

    code = "ERR_UPLOAD_NOT_FOUND"
    status = 404

    def __init__(self) -> None:
        super().__init__("upload not found")


class UploadExpired(UploadError):
    """The upload has expired. After ``tombstone_for_s`` it is not found instead."""

    code = "ERR_UPLOAD_EXPIRED"
    status = 410

    def __init__(self) -> None:
        super().__init__("upload has expired, start a new one")


class UploadLocked(UploadError):
    """Another request holds the upload and did not release it in time. The client may try again."""

    code = "ERR_UPLOAD_LOCKED"
    status = 423
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("upload is in use by another request, try again")


class MaxSizeExceeded(UploadError):
    """The upload would be larger than ``max_size``."""

    code = "ERR_MAX_SIZE_EXCEEDED"
    status = 413

    def __init__(self, *, max_size: int) -> None:
        super().__init__(f"maximum size exceeded, at most {max_size} bytes are taken", max=max_size)


class UploadRefused(UploadError):
    """A callable of the application refused the request. Raise it there to choose the whole answer."""

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


class TerminationRejected(UploadRefused):
    """A hook refused a deletion."""

    code = "ERR_UPLOAD_TERMINATION_REJECTED"

    def __init__(self) -> None:
        super().__init__("upload termination rejected by server")


class UploadStopped(UploadRefused):
    """A hook does not want an upload whose bytes are arriving; the upload is deleted."""

    code = "ERR_UPLOAD_STOPPED"

    def __init__(self) -> None:
        super().__init__("upload has been stopped by server")


class HookFailure(UploadError):
    """A hook that must agree failed, or answered what cannot be used; the log says how."""

    def __init__(self, hook: str) -> None:
        super().__init__(f"the {hook} hook failed, see the server's log")


class OffsetConflict(UploadError):
    """A refusal that tells the client the upload's offset, in bytes."""

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
    """A final upload accepts no bytes, neither by PATCH nor with its creation."""

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
    """The bytes do not have the given checksum; all bytes of the request were discarded."""

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
    """A PATCH for an upload that has chunks after a gap: it can only continue in chunks.

    403, because tus clients repeat a request after 409 and 423, here without end.
    """

    code = "ERR_CHUNKS_OUT_OF_ORDER"
    status = 403

    def __init__(self) -> None:
        super().__init__("chunks beyond the offset have been received, go on through the chunk API")


class CommittedIsImmutable(UploadError):
    """A PATCH for an upload that is committed or being committed."""

    code = "ERR_UPLOAD_COMMITTED"
    status = 403

    def __init__(self) -> None:
        super().__init__("the upload is committed and takes no more bytes")
