"""``Upload-Checksum`` and ``Tus-Checksum-Algorithm`` (tus 1.0.0, Checksum)."""

from __future__ import annotations

from typing import Final

from tusd_py.errors.requests import InvalidChecksum
from tusd_py.fronts.http.headers import decode_base64, quote
from tusd_py.model.digests import ALGORITHMS, Checksum

_NAME: Final = "Upload-Checksum"

#: Value of ``Tus-Checksum-Algorithm``. The specification requires sha1; the order has no meaning.
ALGORITHM_LIST: Final = ",".join(ALGORITHMS)


def parse_checksum(header: str | None) -> Checksum | None:
    """Read ``algorithm base64digest``; None when the header is absent.

    Raises:
        InvalidChecksum: Malformed, an algorithm that is not offered (names are lower case), not base64
            with padding, or a digest of the wrong size (hexadecimal digits, say).
    """
    if header is None:
        return None
    algorithm, blank, encoded = header.partition(" ")
    if not blank:
        raise InvalidChecksum(_NAME, f"must be 'algorithm base64digest', got {quote(header)}")
    if algorithm not in ALGORITHMS:
        raise InvalidChecksum(_NAME, f"names {quote(algorithm)}, expected one of {ALGORITHM_LIST}")
    expected = decode_base64(encoded)
    size = ALGORITHMS[algorithm][1]
    if expected is None or len(expected) != size:
        raise InvalidChecksum(_NAME, f"must have the {size} bytes of {algorithm} in base64 with padding")
    return Checksum(algorithm, expected)
