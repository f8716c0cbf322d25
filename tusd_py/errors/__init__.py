"""One class per refusal: a stable code, the HTTP status it has by default, and the facts as values.

Fronts turn these into their own form (``ERR_X: message`` for tus). Messages say what was wrong and
what was expected; they never carry a path, a query or a stack, because they reach the client.
"""

from __future__ import annotations

from collections.abc import Mapping

from tusd_py.model.commits import Fact


class UploadError(Exception):
    """A request is refused. Unless a subclass says otherwise, nothing was stored or changed.

    ``facts`` say to programs what ``message`` says to people.
    """

    code = "ERR_INTERNAL_SERVER_ERROR"
    status = 500

    def __init__(self, message: str, **facts: Fact) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts


class InternalFailure(UploadError):
    """Something went wrong that is no refusal; the client learns nothing but that, the log has the rest."""

    def __init__(self) -> None:
        super().__init__("internal server error, see the server's log")


class MalformedHeader(UploadError):
    """A header, or the value of one, is not of the form it must have."""

    code = "ERR_INVALID_HEADER"
    status = 400

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} {problem}")
        self.name = name


class InvalidUploadLength(MalformedHeader):
    """``Upload-Length`` is missing, malformed, or contradicts what is known."""

    code = "ERR_INVALID_UPLOAD_LENGTH"


class InvalidDeferLength(MalformedHeader):
    """``Upload-Defer-Length`` has another value than ``1``, or comes with ``Upload-Length``."""

    code = "ERR_INVALID_UPLOAD_LENGTH_DEFER"


class InvalidOffset(MalformedHeader):
    """``Upload-Offset`` is missing or no number of bytes."""

    code = "ERR_INVALID_OFFSET"


class InvalidMetadata(MalformedHeader):
    """``Upload-Metadata`` does not follow its grammar, or is larger than the limit."""

    code = "ERR_INVALID_METADATA"


class InvalidConcat(MalformedHeader):
    """``Upload-Concat`` does not follow its grammar or names what is no partial upload."""

    code = "ERR_INVALID_CONCAT"


class InvalidChecksum(MalformedHeader):
    """``Upload-Checksum`` is malformed, or names an algorithm that is not offered."""

    code = "ERR_INVALID_CHECKSUM"


class UnsupportedVersion(UploadError):
    """``Tus-Resumable`` is absent or names a version that is not spoken here."""

    code = "ERR_UNSUPPORTED_VERSION"
    status = 412


class UnsupportedMediaType(UploadError):
    """A PATCH whose ``Content-Type`` is not ``application/offset+octet-stream``."""

    code = "ERR_INVALID_CONTENT_TYPE"
    status = 415


class MethodNotAllowed(UploadError):
    """The resource exists but does not take this method; ``allow`` lists those it takes."""

    code = "ERR_METHOD_NOT_ALLOWED"
    status = 405

    def __init__(self, method: str, allow: str) -> None:
        super().__init__(f"{method[:20]!a} is not offered here, expected one of {allow}")
        self.allow = allow


class OriginNotAllowed(UploadError):
    """The browser page comes from an origin that the settings do not allow."""

    code = "ERR_ORIGIN_NOT_ALLOWED"
    status = 403

    def __init__(self) -> None:
        super().__init__("request origin is not allowed")


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


class FeatureDisabled(UploadError):
    """The request needs an extension that the settings switch off."""

    code = "ERR_NOT_OFFERED"
    status = 400


class MaxSizeExceeded(UploadError):
    """The upload would be larger than the server takes."""

    code = "ERR_MAX_SIZE_EXCEEDED"
    status = 413

    def __init__(self, *, max_size: int) -> None:
        super().__init__(f"maximum size exceeded, at most {max_size} bytes are taken", max=max_size)


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


class ServerShutdown(UploadError):
    """The server is going down. What had arrived is stored."""

    code = "ERR_SERVER_SHUTDOWN"
    status = 503

    def __init__(self) -> None:
        super().__init__("request has been interrupted because the server is shutting down")


class TooManyOpenFiles(UploadError):
    """The process, or the machine, has no descriptor left to open a data file with."""

    code = "ERR_TOO_MANY_OPEN_FILES"
    status = 503

    def __init__(self) -> None:
        super().__init__("the server has too many files open, try again later")


class StorageFull(UploadError):
    """No space is left on the medium. What fitted is stored and the offset says how much."""

    code = "ERR_STORAGE_FULL"
    status = 507

    def __init__(self) -> None:
        super().__init__("no space left to store the upload, try again later")


class RangeNotSatisfiable(UploadError):
    """No byte of the upload is in the ranges that a download asks for."""

    code = "ERR_INVALID_RANGE"
    status = 416

    def __init__(self, *, size: int) -> None:
        super().__init__(f"no requested range lies within the {size} bytes of the upload")
        self.size = size


class PreconditionFailed(UploadError):
    """A condition of a download (``If-Match``, ``If-Unmodified-Since``) does not hold."""

    code = "ERR_PRECONDITION_FAILED"
    status = 412

    def __init__(self) -> None:
        super().__init__("the upload is not the one that If-Match or If-Unmodified-Since names")


class UploadIncomplete(UploadError):
    """A download of an upload that is not complete."""

    code = "ERR_INCOMPLETE_UPLOAD"
    status = 409

    def __init__(self) -> None:
        super().__init__("upload is not complete yet, nothing to download")


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
