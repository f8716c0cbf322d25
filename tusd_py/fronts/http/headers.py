"""The header section of a request, and grammar that several header fields share."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, Protocol

from starlette.types import Scope

from tusd_py.errors.requests import MalformedHeader
from tusd_py.model.upload import MAX_LENGTH

_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)


class HeaderFields(Protocol):
    """The header section of a request: all lines of one name."""

    def getlist(self, key: str) -> list[str]:
        """Return the value of every line with the name ``key``, without regard to case."""


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


def quote(text: str) -> str:
    """Return an untrusted value for use in a message: quoted, escaped to ASCII, cut after 40 characters."""
    return ascii(text if len(text) <= 40 else text[:40] + "…")


def parse_byte_count(name: str, value: str | None, error: type[MalformedHeader] = MalformedHeader) -> int:
    """Read a header that is a number of bytes, such as ``Upload-Offset: 70``.

    Returns:
        A number of bytes, 0 to 2**63 - 1.

    Raises:
        MalformedHeader: (or ``error``) The value is absent, too large, has leading zeros (no client sends
            them, and parsers disagree about them), or has anything but ASCII digits. Signs, blanks,
            underscores and full-width digits are refused although ``int()`` accepts them.

    Spec: tus 1.0.0, Headers, Upload-Offset and Upload-Length ("non-negative integer").
    """
    if value is None:
        raise error(name, "is required, expected a number of bytes")
    if not _DIGITS.fullmatch(value) or (len(value) > 1 and value[0] == "0"):
        raise error(name, f"must be a number of bytes in plain decimal digits, got {quote(value)}")
    if len(value) > 19 or int(value) > MAX_LENGTH:
        raise error(name, f"must be at most {MAX_LENGTH}, got {quote(value)}")
    return int(value)


def decode_base64(text: str) -> bytes | None:
    """Decode standard base64 with padding (RFC 4648, section 4); None when ``text`` is anything else.

    What is accepted encodes back to exactly ``text``, so a value can be echoed as it was sent.
    (``b64decode(validate=True)`` alone accepts ``YQ==YQ==`` and stray trailing bits.)
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None
