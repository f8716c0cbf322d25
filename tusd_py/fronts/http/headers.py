"""Pieces of grammar that several headers share."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from tusd_py.errors import MalformedHeader
from tusd_py.model.upload import MAX_LENGTH

_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)


def quote(text: str) -> str:
    """Show the start of a hostile value in a message: ASCII, escaped, at most 40 characters of it."""
    return ascii(text if len(text) <= 40 else text[:40] + "…")


def parse_byte_count(name: str, value: str | None, error: type[MalformedHeader] = MalformedHeader) -> int:
    """Read a header that counts bytes, such as ``Upload-Offset: 70``.

    Returns:
        A number of bytes, 0 to 2**63 - 1. Leading zeros are refused: no client sends them and no two
        parsers agree on them.

    Raises:
        MalformedHeader: (or ``error``) Absent, or anything but ASCII digits: a sign, a blank, a
            decimal point, an underscore and a full-width digit are all refused though ``int()``
            would take them.

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

    Strict both ways: what is accepted encodes back to exactly ``text``, so a value can be echoed
    as it was sent. (``b64decode(validate=True)`` alone takes ``YQ==YQ==`` and stray trailing bits.)
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None
