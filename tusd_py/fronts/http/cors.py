"""Cross-origin requests: the origin check and the CORS header fields (Fetch standard)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from starlette.requests import Request

from tusd_py.errors.requests import OriginNotAllowed
from tusd_py.settings import Config

_METHODS: Final = ("POST", "HEAD", "PATCH", "OPTIONS", "GET", "DELETE", "PUT")
_REQUEST_HEADERS: Final = (
    "Authorization",
    "Origin",
    "X-Requested-With",
    "X-Request-ID",
    "X-HTTP-Method-Override",
    "Content-Type",
    "Range",
    "Tus-Resumable",
    "Upload-Length",
    "Upload-Offset",
    "Upload-Metadata",
    "Upload-Defer-Length",
    "Upload-Concat",
    "Upload-Checksum",
    "Content-Range",
    "Content-Digest",
    "Repr-Digest",
    "Digest",
    "Idempotency-Key",
    "Prefer",
)
_RESPONSE_HEADERS: Final = (
    "Location",
    "Upload-Offset",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Defer-Length",
    "Upload-Concat",
    "Upload-Expires",
    "Tus-Resumable",
    "Tus-Version",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Checksum-Algorithm",
    "Content-Disposition",
    "Content-Range",
    "Retry-After",
    "Repr-Digest",
)


class Cors:
    """The CORS rules that the settings describe."""

    def __init__(self, config: Config) -> None:
        self._is_off = config.disable_cors
        # The whole origin must match: "https://example\.com" must not allow "https://example.com.evil.test".
        self._allowed = re.compile(config.cors_allow_origin)
        credentials = {"Access-Control-Allow-Credentials": "true"} if config.cors_allow_credentials else {}
        self._actual = {
            **credentials,
            "Access-Control-Expose-Headers": _joined(_RESPONSE_HEADERS, config.cors_expose_headers),
        }
        self._preflight = {
            **credentials,
            "Access-Control-Allow-Methods": _joined(_METHODS, config.cors_allow_methods),
            "Access-Control-Allow-Headers": _joined(_REQUEST_HEADERS, config.cors_allow_headers),
            "Access-Control-Max-Age": str(config.cors_max_age_s),
        }

    def headers(self, request: Request) -> dict[str, str]:
        """Return the header fields to add to the answer; none when the request has no ``Origin``.

        ``Access-Control-Allow-Origin`` repeats the origin and is never ``*``, so that credentials work.

        Raises:
            OriginNotAllowed: The origin does not match the setting.
        """
        # A plain loop, because every request runs it and most have no Origin.
        origins = [value for name, value in request.scope["headers"] if name == b"origin"]
        if not origins or self._is_off:
            return {}
        origin = origins[0].decode("latin-1")
        if not self._allowed.fullmatch(origin):
            raise OriginNotAllowed
        more = self._preflight if request.method == "OPTIONS" else self._actual
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin", **more}


def _joined(names: Iterable[str], more: str) -> str:
    return ", ".join([*names, more]) if more else ", ".join(names)
