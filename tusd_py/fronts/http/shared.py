"""What every front needs: paths, URLs, the caller, and refusals as answers."""

from __future__ import annotations

import re
from collections.abc import Collection
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from tusd_py import observe
from tusd_py.errors import InternalFailure, UploadError
from tusd_py.errors.downloads import RangeNotSatisfiable
from tusd_py.errors.requests import MethodNotAllowed, UnsupportedVersion
from tusd_py.errors.uploads import OffsetConflict, UploadLocked, UploadRefused
from tusd_py.fronts.http.headers import HeaderFields
from tusd_py.model.requests import RequestInfo
from tusd_py.service.caller import Caller

_HOST: Final = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]+", re.ASCII)
_FORWARDED_HOST: Final = re.compile(r'(?:^|[;\s])host="?([^";,\s]+)', re.IGNORECASE)
_FORWARDED_PROTO: Final = re.compile(r'(?:^|[;\s])proto="?(https?)(?=["\s;,]|$)', re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class Fields:
    """The header section of a request, by name; built once for each request, as tus reads many fields."""

    __slots__ = ("_lines",)

    def __init__(self, scope: Scope) -> None:
        self._lines: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            self._lines.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))

    def getlist(self, key: str) -> list[str]:
        """Return the value of every line with the name ``key``, without regard to case."""
        return self._lines.get(key.lower(), [])


def joined(fields: HeaderFields, name: str) -> str | None:
    """Return a field whose value may be spread over several lines (RFC 9110, Field Lines); None if absent."""
    lines = fields.getlist(name)
    return ", ".join(lines) if lines else None


def route_path(scope: Scope) -> str:
    """Return the request's path relative to where the application is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root and path.startswith(root) else path


def creation_url(request: Request, base_path: str, *, behind_proxy: bool) -> str:
    """Return the absolute URL of the creation endpoint, as the client sees it; it ends with a slash.

    Only its path when the client sent no usable ``Host``. Forwarding headers are used only when the
    settings say that there is a proxy: otherwise any client could make our answers point elsewhere.
    """
    # The server decoded the path; in a URL it has to be encoded.
    path = quote(str(request.scope.get("root_path", "")) + base_path, safe="/~!$&'()*+,;=:@")
    scheme, host = str(request.scope.get("scheme", "http")), request.headers.get("host", "")
    if behind_proxy:
        scheme, host = _forwarded(request, scheme, host)
    if not _HOST.fullmatch(host):
        return path
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS.get(scheme, ''))}{path}"


def _forwarded(request: Request, scheme: str, host: str) -> tuple[str, str]:
    # The first item of each list comes from the proxy nearest to the client.
    host = request.headers.get("x-forwarded-host", host).partition(",")[0].strip()
    proto = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    scheme = proto if proto in _DEFAULT_PORTS else scheme
    forwarded = request.headers.get("forwarded", "").partition(",")[0]
    if found := _FORWARDED_HOST.search(forwarded):
        host = found[1]
    if found := _FORWARDED_PROTO.search(forwarded):
        scheme = found[1].lower()
    return scheme, host


class HttpRequest:
    """See IncomingRequest."""

    __slots__ = ("original",)

    def __init__(self, original: Request) -> None:
        self.original = original

    def describe(self, *, named: Collection[str] = ()) -> RequestInfo:
        """See IncomingRequest."""
        scope = self.original.scope
        path = scope.get("raw_path") or quote(scope["path"]).encode()
        target = path + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        lines = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        return RequestInfo.of(
            scope["method"], target.decode("latin-1"), _address(scope.get("client")), lines, named=named
        )


def _address(client: tuple[str, int | None] | None) -> str:
    if not client or client[1] is None:
        return ""
    host, port = client
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def caller_of(request: Request) -> Caller:
    """Return the caller, with the user that an authentication middleware found, if any."""
    return Caller(user=_user_name(request.scope.get("user")), request=HttpRequest(request))


def _user_name(user: Any) -> str | None:
    if user is None or not getattr(user, "is_authenticated", False):
        return None
    for attribute in ("identity", "display_name"):
        try:
            name = getattr(user, attribute)
        except (AttributeError, NotImplementedError):  # Starlette's SimpleUser has no identity
            continue
        if name and str(name).isprintable():
            return str(name)
    raise TypeError("the authenticated user has no identity and no display_name in printable characters")


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
