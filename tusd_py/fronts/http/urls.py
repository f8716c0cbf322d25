"""URLs as the client sees them, and paths below where the application is mounted."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.types import Scope

_HOST: Final = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]+", re.ASCII)
_FORWARDED_HOST: Final = re.compile(r'(?:^|[;\s])host="?([^";,\s]+)', re.IGNORECASE)
_FORWARDED_PROTO: Final = re.compile(r'(?:^|[;\s])proto="?(https?)(?=["\s;,]|$)', re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


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
