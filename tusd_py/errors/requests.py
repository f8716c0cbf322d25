"""Refusals of malformed requests, for any upload."""

from __future__ import annotations

from tusd_py.errors import UploadError


class MalformedHeader(UploadError):
    """A header is missing or malformed."""

    code = "ERR_INVALID_HEADER"
    status = 400

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} {problem}")
        self.name = name


class InvalidUploadLength(MalformedHeader):
    """``Upload-Length`` is missing, malformed, or contradicts what is known."""

    code = "ERR_INVALID_UPLOAD_LENGTH"


class InvalidDeferLength(MalformedHeader):
    """``Upload-Defer-Length`` has another value than ``1``, or was sent with ``Upload-Length``."""

    code = "ERR_INVALID_UPLOAD_LENGTH_DEFER"


class InvalidOffset(MalformedHeader):
    """``Upload-Offset`` is missing, or not a number of bytes."""

    code = "ERR_INVALID_OFFSET"


class InvalidMetadata(MalformedHeader):
    """``Upload-Metadata`` does not follow its grammar, or is larger than the limit."""

    code = "ERR_INVALID_METADATA"


class InvalidConcat(MalformedHeader):
    """``Upload-Concat`` does not follow its grammar, or names something that is not a partial upload."""

    code = "ERR_INVALID_CONCAT"


class InvalidChecksum(MalformedHeader):
    """``Upload-Checksum`` is malformed, or names an algorithm that is not supported."""

    code = "ERR_INVALID_CHECKSUM"


class UnsupportedVersion(UploadError):
    """``Tus-Resumable`` is absent or names a version other than ``supported``."""

    code = "ERR_UNSUPPORTED_VERSION"
    status = 412

    def __init__(self, found: str, supported: str) -> None:
        super().__init__(f"Tus-Resumable must be {supported}, got {found}")
        self.supported = supported


class UnsupportedMediaType(UploadError):
    """A PATCH whose ``Content-Type`` is not ``application/offset+octet-stream``."""

    code = "ERR_INVALID_CONTENT_TYPE"
    status = 415


class MethodNotAllowed(UploadError):
    """The resource does not support this method; ``allow`` lists those that it supports."""

    code = "ERR_METHOD_NOT_ALLOWED"
    status = 405

    def __init__(self, method: str, allow: str) -> None:
        super().__init__(f"{method[:20]!a} is not offered here, expected one of {allow}")
        self.allow = allow


class OriginNotAllowed(UploadError):
    """The request comes from an origin that the settings do not allow."""

    code = "ERR_ORIGIN_NOT_ALLOWED"
    status = 403

    def __init__(self) -> None:
        super().__init__("request origin is not allowed")


class FeatureDisabled(UploadError):
    """The request needs an extension that the settings switch off or the data store does not allow."""

    code = "ERR_NOT_OFFERED"
    status = 400


class InvalidField(UploadError):
    """A field is missing or malformed."""

    code = "ERR_INVALID_FIELD"
    status = 400

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} {problem}")
        self.name = name
        self.problem = problem


class InvalidBody(UploadError):
    """The body is malformed, incomplete, or has too many values."""

    code = "ERR_INVALID_BODY"
    status = 400


class BodyTooLarge(UploadError):
    """The fields of a request, without a file, have more bytes than allowed."""

    code = "ERR_BODY_TOO_LARGE"
    status = 413

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"the fields of this request have at most {limit} bytes", max=limit)


class UnsupportedBodyType(UploadError):
    """The resource does not support the body's type."""

    code = "ERR_UNSUPPORTED_MEDIA_TYPE"
    status = 415

    def __init__(self, expected: str) -> None:
        super().__init__(f"expected {expected}")
