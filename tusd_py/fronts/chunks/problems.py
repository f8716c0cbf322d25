"""Refusals of the chunk API as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tusd_py import observe
from tusd_py.errors import (
    InternalFailure,
    InvalidChecksum,
    MaxSizeExceeded,
    UploadError,
    UploadRefused,
)
from tusd_py.errors.chunks import ChunkError, ChunkInProgress
from tusd_py.errors.commits import ArtifactExists, UploadConsumed, UploadNotCommitted
from tusd_py.fronts.chunks.urls import Urls
from tusd_py.fronts.http.shared import refusal, refusal_headers
from tusd_py.model.digests import ALGORITHMS

_TYPE: Final = "urn:tusd-py:problem:"
#: Where the type is not the code in other clothes.
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
#: What an application's refusal is called, by the status it chose.
_REFUSED: Final = {401: "unauthorized", 403: "forbidden", 404: "not-found", 429: "quota"}
#: Worth sending again as it is, or after what the members say.
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


def _name(code: str) -> str:
    return _NAMES.get(code) or code.removeprefix("ERR_").lower().replace("_", "-")


def stored_problem(stored: str) -> dict[str, Any]:
    """Return a failure that the catalog remembers as the problem it was."""
    facts = json.loads(stored)
    members: dict[str, Any] = facts["members"]
    return _fields(_name(facts["code"]), facts["status"], facts["message"]) | members


def _fields(name: str, status: int, detail: str) -> dict[str, Any]:
    return {
        "type": _TYPE + name,
        "title": name.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "retryable": name in _RETRYABLE,
    }


def problem(error: Exception, request: Request, urls: Urls) -> Response:
    """Return the answer for a request that ended in ``error``.

    For an error that is no refusal the client learns nothing but that; the log has the rest.
    """
    if isinstance(error, HTTPException):
        error = UploadRefused(str(error.detail), status=error.status_code, headers=error.headers)
    if isinstance(error, UploadRefused) and error.body is not None:
        return refusal(error, is_head=request.method == "HEAD")  # the application chose the whole answer
    if not isinstance(error, UploadError):
        observe.LOGGER.error("InternalServerError", exc_info=error)
        error = InternalFailure()
    name = _name(error.code)
    if isinstance(error, UploadRefused):
        name = _REFUSED.get(error.status, "rejected")
    fields = _fields(name, error.status, error.message) | {"instance": str(request.scope["path"])}
    fields |= _members(error, urls)
    body = b"" if request.method == "HEAD" else json.dumps(fields, indent=1).encode() + b"\n"
    response = Response(body, error.status, media_type="application/problem+json")
    response.headers.update(_headers(error))
    if request.method == "HEAD":
        del response.headers["content-length"]
    return response


def _members(error: UploadError, urls: Urls) -> dict[str, Any]:
    match error:
        case UploadNotCommitted():
            return {"commit": urls.upload(error.upload_id) + "commit"}
        case UploadConsumed() | ArtifactExists():
            return {"artifact": urls.artifact(error.artifact_id)}
        case ChunkError():
            return error.members
        case InvalidChecksum():
            return {"supported": list(ALGORITHMS)}
        case MaxSizeExceeded():
            return {"max": urls.config.max_size}
        case _:
            return {}


def _headers(error: UploadError) -> dict[str, str]:
    if isinstance(error, ChunkInProgress):
        return {"Retry-After": "1"}
    return refusal_headers(error)
