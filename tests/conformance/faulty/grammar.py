"""Reading tus headers strictly."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Callable

from tests.conformance.faulty.http import Reply


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        self.reply = Reply(
            status, {name.replace("_", "-"): value for name, value in headers.items()}, f"{text}\n".encode()
        )


ALGORITHMS: dict[str, Callable[[bytes], bytes]] = {
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
}
_DIGEST_BYTES = {"sha1": 20, "sha256": 32, "md5": 16, "crc32": 4}


def number(name: str, value: str | None) -> int:
    """A count of bytes."""
    if value is None or not re.fullmatch(r"0|[1-9][0-9]*", value, re.ASCII):
        raise Refused(400, f"{name} is not a number of bytes")
    return int(value)


def checksum(value: str) -> tuple[str, bytes]:
    """Algorithm and digest."""
    name, blank, encoded = value.partition(" ")
    if name not in ALGORITHMS or not blank:
        raise Refused(400, "unknown checksum algorithm")
    digest = _base64(encoded, "digest")
    if len(digest) != _DIGEST_BYTES[name]:
        raise Refused(400, "digest of a wrong length")
    return name, digest


def _base64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, f"{what} is not base64") from error


def check_metadata(value: str) -> None:
    """Refuse what is not well formed."""
    seen: set[str] = set()
    for item in value.split(","):
        key, _, encoded = item.partition(" ")
        if not re.fullmatch(r"[!-+\--~]+", key, re.ASCII) or key in seen:
            raise Refused(400, "bad metadata key")
        seen.add(key)
        if len(encoded) % 4 or not re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", encoded, re.ASCII):
            raise Refused(400, "bad metadata value")
