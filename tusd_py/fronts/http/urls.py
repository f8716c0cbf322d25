"""URLs as the client sees them, and paths below where the application is mounted."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.types import Scope

from tusd_py.settings import Config, parse_networks

_HOST: Final = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]+", re.ASCII)
_FORWARDED_HOST: Final = re.compile(r'(?:^|[;\s])host="?([^";,\s]+)', re.IGNORECASE)
_FORWARDED_PROTO: Final = re.compile(r'(?:^|[;\s])proto="?(https?)(?=["\s;,]|$)', re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def route_path(scope: Scope) -> str:
    """Return the request's path relative to where the application is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root and path.startswith(root) else path


def creation_url(request: Request, base_path: str, config: Config) -> str:
    """Return the absolute URL of the creation endpoint, as the client sees it; it ends with a slash.

    Only its path when the client sent no usable ``Host``. Forwarding headers are used only when the
    settings say that there is a proxy, and come from it: otherwise any client could make our answers point
    elsewhere.
    """
    # The server decoded the path; in a URL it has to be encoded.
    path = quote(str(request.scope.get("root_path", "")) + base_path, safe="/~!$&'()*+,;=:@")
    scheme, host = str(request.scope.get("scheme", "http")), request.headers.get("host", "")
    if config.behind_proxy and _is_trusted(request, config.trusted_proxies):
        scheme, host = _forwarded(request, scheme, host)
    if not _HOST.fullmatch(host):
        return path
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS.get(scheme, ''))}{path}"


def _is_trusted(request: Request, trusted: str) -> bool:
    """Say whether the peer is a proxy that may be believed; who reaches a UNIX socket always is."""
    return not trusted or request.client is None or _is_among(request.client.host, trusted)


@lru_cache(maxsize=256)
def _is_among(host: str, trusted: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    known = getattr(address, "ipv4_mapped", None) or address
    return any(known in network for network in parse_networks(trusted))


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
