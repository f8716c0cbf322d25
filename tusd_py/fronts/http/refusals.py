"""Refusals in plain text, and the headers that belong to a refusal in any form."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tusd_py import observe
from tusd_py.errors import InternalFailure, UploadError
from tusd_py.errors.downloads import RangeNotSatisfiable
from tusd_py.errors.requests import MethodNotAllowed, UnsupportedVersion
from tusd_py.errors.uploads import OffsetConflict, UploadLocked, UploadRefused


def refusal(error: Exception, *, is_head: bool) -> Response:
    """Return the answer to a request that raised ``error``: ``CODE: message`` and a newline.

    An error that is not a refusal is a 500 without details; the log has the exception.
    """
    if isinstance(error, HTTPException):
        error = UploadRefused(
            str(error.detail), status=error.status_code, body=f"{error.detail}\n", headers=error.headers
        )
    if not isinstance(error, UploadError):
        observe.LOGGER.error("InternalServerError", exc_info=error)
        error = InternalFailure()
    response = Response(
        b"" if is_head else _refusal_body(error), error.status, media_type="text/plain; charset=utf-8"
    )
    response.headers.update(refusal_headers(error))
    if is_head:
        del response.headers["content-length"]
    return response


def _refusal_body(error: UploadError) -> bytes:
    if isinstance(error, UploadRefused) and error.body is not None:
        return error.body if isinstance(error.body, bytes) else error.body.encode()
    return f"{error.code}: {error.message}\n".encode()


def refusal_headers(error: UploadError) -> dict[str, str]:
    """Return the headers that a refusal adds to its answer."""
    match error:
        case OffsetConflict():
            return {"Upload-Offset": str(error.offset)}
        case UploadLocked():
            return {"Retry-After": str(error.retry_after_s)}
        case UnsupportedVersion():
            return {"Tus-Version": error.supported}
        case RangeNotSatisfiable():
            return {"Content-Range": f"bytes */{error.size}"}
        case MethodNotAllowed():
            return {"Allow": error.allow}
        case UploadRefused():
            return error.headers
        case UploadError(status=HTTPStatus.SERVICE_UNAVAILABLE):
            return {"Retry-After": "1"}
        case _:
            return {}
