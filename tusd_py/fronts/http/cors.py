"""Cross-origin requests: the origin check and the CORS header fields (Fetch standard)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from tusd_py.errors.requests import OriginNotAllowed
from tusd_py.settings import Config

_METHODS: Final = ("POST", "HEAD", "PATCH", "OPTIONS", "GET", "DELETE", "PUT")


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """The header fields of one protocol that a page from another origin may send, and read."""

    request: tuple[str, ...]
    response: tuple[str, ...]


_EVERY_PROTOCOL: Final = CrossOrigin(
    request=(
        "Authorization",
        "Origin",
        "X-Requested-With",
        "X-Request-ID",
        "X-HTTP-Method-Override",
        "Content-Type",
    ),
    response=("Location", "Retry-After"),
)


class Cors:
    """The CORS rules that the settings describe, for the header fields of all ``protocols``."""

    def __init__(self, config: Config, *protocols: CrossOrigin) -> None:
        self._is_off = config.disable_cors
        # The whole origin must match: "https://example\.com" must not allow "https://example.com.evil.test".
        self._allowed = re.compile(config.cors_allow_origin)
        sent = [name for each in (_EVERY_PROTOCOL, *protocols) for name in each.request]
        read = [name for each in (_EVERY_PROTOCOL, *protocols) for name in each.response]
        credentials = {"Access-Control-Allow-Credentials": "true"} if config.cors_allow_credentials else {}
        self._actual = {
            **credentials,
            "Access-Control-Expose-Headers": _joined(read, config.cors_expose_headers),
        }
        self._preflight = {
            **credentials,
            "Access-Control-Allow-Methods": _joined(_METHODS, config.cors_allow_methods),
            "Access-Control-Allow-Headers": _joined(sent, config.cors_allow_headers),
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
    return ", ".join(dict.fromkeys([*names, more] if more else names))
