"""``Upload-Metadata``: pairs of ``key base64value``, separated by commas (tus 1.0.0, Creation)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

from tusd_py.errors.requests import InvalidMetadata
from tusd_py.fronts.http.headers import decode_base64, quote
from tusd_py.model.upload import METADATA_KEY

_NAME: Final = "Upload-Metadata"


def parse_metadata(header: str | None, *, max_bytes: int) -> dict[str, bytes]:
    """Read the header; no metadata when it is absent or empty (tuspy always sends it, even empty).

    A key without a value (``is_secret`` or ``is_secret ``) has an empty value. A blank after a comma is
    allowed, as in HTTP's own lists.

    Returns:
        Decoded values by key, in the order sent. Keys are case-sensitive; ``METADATA_KEY`` is their grammar.

    Raises:
        InvalidMetadata: An empty item, a key that is malformed or sent twice, a value that is not standard
            base64, or a header of more than ``max_bytes`` bytes.
    """
    if header is None or not header.strip():
        return {}
    if len(header) > max_bytes:
        raise InvalidMetadata(_NAME, f"has {len(header)} bytes, at most {max_bytes} are accepted")
    pairs: dict[str, bytes] = {}
    for item in header.split(","):
        key, value = _parse_pair(item.removeprefix(" "))
        if key in pairs:
            raise InvalidMetadata(_NAME, f"has the key {quote(key)} twice, expected each once")
        pairs[key] = value
    return pairs


def _parse_pair(item: str) -> tuple[str, bytes]:
    key, _, encoded = item.partition(" ")
    if not METADATA_KEY.fullmatch(key):
        raise InvalidMetadata(_NAME, f"must be 'key base64,key base64', got the item {quote(item)}")
    value = decode_base64(encoded)
    if value is None:
        raise InvalidMetadata(_NAME, f"has a value for {quote(key)} that is not base64 with padding")
    return key, value


def format_metadata(metadata: Mapping[str, bytes]) -> str | None:
    """Write ``metadata`` as a header value; None when there is no metadata.

    For metadata that an application set or an ``.info`` file had. A header that a client sent is echoed
    verbatim instead ("as specified by the client").
    """
    if not metadata:
        return None
    return ",".join(
        f"{key} {base64.b64encode(value).decode()}" if value else key for key, value in metadata.items()
    )
