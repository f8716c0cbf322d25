"""Refusals of the chunk API as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tusd_py import observe
from tusd_py.errors import InternalFailure, UploadError
from tusd_py.errors.artifacts import ArtifactExists, UploadConsumed, UploadNotCommitted
from tusd_py.errors.chunks import ChunkInProgress, SessionExpired
from tusd_py.errors.requests import InvalidChecksum, InvalidField
from tusd_py.errors.uploads import UploadRefused
from tusd_py.fronts.chunks.urls import Urls
from tusd_py.fronts.http.refusals import refusal, refusal_headers
from tusd_py.model.commits import CommitFailure, Fact, Piece
from tusd_py.model.digests import ALGORITHMS
from tusd_py.model.ranges import ByteRange
from tusd_py.model.times import format_time

_TYPE: Final = "urn:tusd-py:problem:"
#: Types of problems that do not follow from the refusal's code.
_NAMES: Final = {
    "ERR_UPLOAD_NOT_FOUND": "not-found",
    "ERR_UPLOAD_CONSUMED": "not-found",
    "ERR_ARTIFACT_NOT_FOUND": "not-found",
    "ERR_CHUNK_NOT_FOUND": "not-found",
    "ERR_MAX_SIZE_EXCEEDED": "upload-too-large",
    "ERR_STORAGE_FULL": "no-space",
    "ERR_INVALID_CHECKSUM": "invalid-digest",
    "ERR_ORIGIN_NOT_ALLOWED": "forbidden",
    "ERR_INTERNAL_SERVER_ERROR": "internal",
}
#: Types of an application's refusals, by the status that it chose.
_REFUSED: Final = {401: "unauthorized", 403: "forbidden", 404: "not-found", 429: "quota"}
#: Requests that may succeed when sent again, unchanged or after what the members say.
_RETRYABLE: Final = frozenset(
    {
        "chunk-size",
        "chunk-digest-mismatch",
        "upload-incomplete",
        "request-timeout",
        "chunk-in-progress",
        "upload-locked",
        "quota",
        "internal",
        "server-shutdown",
        "too-many-open-files",
        "no-space",
    }
)


def failure_members(failure: UploadError | CommitFailure) -> dict[str, Any]:
    """Return a refusal, or a failure that the catalog stored, as the members of a problem."""
    code, status = failure.code, failure.status
    name = _NAMES.get(code) or code.removeprefix("ERR_").lower().replace("_", "-")
    if code == UploadRefused.code:
        name = _REFUSED.get(status, "rejected")
    fields = {
        "type": _TYPE + name,
        "title": name.replace("-", " ").capitalize(),
        "status": status,
        "detail": failure.message,
        "retryable": name in _RETRYABLE,
    }
    return fields | {member: as_json(fact) for member, fact in failure.facts.items()}


def as_json(value: Fact) -> Any:
    """Return a fact as JSON; both ends of a range are inclusive, as in Content-Range."""
    match value:
        case ByteRange():
            return {"start": value.start, "end": value.stop - 1}
        case Piece():
            fields = {"offset": value.offset, "size": value.size, "sha256": value.sha256}
            return fields if value.is_listed else fields | {"unlisted": True}
        case None | int() | str():
            return value
        case _:
            return [as_json(each) for each in value]


def problem(error: Exception, request: Request, urls: Urls) -> Response:
    """Return the answer to a request that raised ``error``.

    An error that is not a refusal is a 500 without details; the log has the exception.
    """
    if isinstance(error, HTTPException):
        error = UploadRefused(str(error.detail), status=error.status_code, headers=error.headers)
    if isinstance(error, UploadRefused) and error.body is not None:
        return refusal(error, is_head=request.method == "HEAD")  # the application chose the whole answer
    if not isinstance(error, UploadError):
        observe.LOGGER.error("InternalServerError", exc_info=error)
        error = InternalFailure()
    fields = failure_members(error) | {"instance": str(request.scope["path"])} | _members(error, urls)
    body = b"" if request.method == "HEAD" else json.dumps(fields, indent=1).encode() + b"\n"
    response = Response(body, error.status, media_type="application/problem+json")
    response.headers.update(_headers(error))
    if request.method == "HEAD":
        del response.headers["content-length"]
    return response


def _members(error: UploadError, urls: Urls) -> dict[str, Any]:
    """Return the members that only this protocol has: fields, URLs, and times in its form."""
    match error:
        case InvalidField():
            return {"errors": {error.name: [error.problem]}}
        case UploadNotCommitted():
            return {"commit": urls.upload(error.upload_id) + "commit"}
        case UploadConsumed() | ArtifactExists():
            return {"artifact": urls.artifact(error.artifact_id)}
        case SessionExpired():
            return {"expired_at": None if error.expired_at is None else format_time(error.expired_at)}
        case InvalidChecksum():
            return {"supported": list(ALGORITHMS)}
        case _:
            return {}


def _headers(error: UploadError) -> dict[str, str]:
    if isinstance(error, ChunkInProgress):
        return {"Retry-After": "1"}
    return refusal_headers(error)
