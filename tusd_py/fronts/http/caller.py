"""Who asks: the user that an authentication middleware found, and the request for hooks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from tusd_py.model.requests import RequestInfo
from tusd_py.service.caller import Caller


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
