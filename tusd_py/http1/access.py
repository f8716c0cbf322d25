"""One line for every response, to the logger ``tusd_py.access``."""

from __future__ import annotations

import logging
from time import monotonic
from urllib.parse import quote

from .exchange import Exchange

_logger = logging.getLogger("tusd_py.access")


def log(client: tuple[str, int] | None, exchange: Exchange) -> None:
    """Log who asked for what, the status, bytes of content sent, and seconds it took.

    The target is quoted as it came, so no client can forge a line.
    """
    head, response = exchange.head, exchange.response
    target = quote(head.raw_path + (b"?" + head.query if head.query else b""), safe="%/?&=:;,+~!$'()*@")
    who = f"{client[0]}:{client[1]}" if client else "-"
    took = monotonic() - exchange.started_at
    _logger.info(
        '%s "%s %s HTTP/%s" %d %d %.3f',
        who,
        head.method,
        target,
        head.version,
        response.status,
        response.sent,
        took,
    )
