"""Digests of request bodies: which algorithms there are, and what a client says a digest is."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tusd_py.model.body import Hash


class Crc32:
    """CRC-32 as zlib and PNG have it. The digest is four bytes, most significant first."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: memoryview, /) -> None:
        """Take the next bytes."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """Return the checksum of everything taken so far."""
        return self._value.to_bytes(4, "big")


def _crc32c() -> Callable[[], Hash] | None:
    """Return the CRC-32C of the ``crc32c`` extra, or None when that is not installed."""
    try:
        import google_crc32c  # noqa: PLC0415 - an extra: absent unless asked for
    except ImportError:
        return None

    class Crc32c:
        """CRC-32C (Castagnoli). The digest is four bytes, most significant first."""

        def __init__(self) -> None:
            self._value = 0

        def update(self, data: memoryview, /) -> None:
            """Take the next bytes."""
            self._value = google_crc32c.extend(self._value, bytes(data))

        def digest(self) -> bytes:
            """Return the checksum of everything taken so far."""
            return self._value.to_bytes(4, "big")

    return Crc32c


def _algorithms() -> dict[str, tuple[Callable[[], Hash], int]]:
    """Return how to make each algorithm's hash, and its digest's size in bytes, by its tus name."""
    known: dict[str, tuple[Callable[[], Hash], int]] = {
        "sha1": (lambda: hashlib.sha1(usedforsecurity=False), 20),
        "sha256": (hashlib.sha256, 32),
        "sha512": (hashlib.sha512, 64),
        "md5": (lambda: hashlib.md5(usedforsecurity=False), 16),
        "crc32": (Crc32, 4),
    }
    crc32c = _crc32c()
    if crc32c is not None:
        known["crc32c"] = (crc32c, 4)
    return known


ALGORITHMS: Final = _algorithms()


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the client says the body's digest is."""

    algorithm: str
    expected: bytes

    def new_hash(self) -> Hash:
        """Return a fresh hash of the algorithm."""
        return ALGORITHMS[self.algorithm][0]()

    def matches(self, taken: Hash) -> bool:
        """Whether ``taken`` has the expected digest."""
        return hmac.compare_digest(taken.digest(), self.expected)
