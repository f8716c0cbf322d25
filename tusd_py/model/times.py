"""Times as clients see them."""

from __future__ import annotations

from datetime import UTC, datetime


def format_time(at: float) -> str:
    """Return seconds since 1970 as RFC 3339 has them: UTC, microseconds, ``Z``."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
