"""Digests of content: ``Content-Digest``, ``Repr-Digest`` (RFC 9530), ``Digest`` (RFC 3230), and fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from tusd_py.errors.chunks import InvalidDigest
from tusd_py.errors.requests import InvalidField
from tusd_py.fronts.http.headers import decode_base64, quote
from tusd_py.model.digests import ALGORITHMS, Checksum

_HEX: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_DICTIONARY_ITEM: Final = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):\s*", re.ASCII)

#: Names in RFC 9530's registry, and those of RFC 3230 in lower case, with ours.
_STRUCTURED: Final = {"sha-256": "sha256", "sha-512": "sha512"}
_OLD: Final = {"sha-256": "sha256", "sha-512": "sha512", "sha": "sha1", "md5": "md5"}


def parse_digest_dictionary(name: str, value: str | None) -> list[Checksum]:
    """Read ``Content-Digest`` or ``Repr-Digest``: ``sha-256=:base64:, ...``; none when it is absent.

    Algorithms that are not supported are skipped, as the RFC says, if at least one is supported.

    Raises InvalidDigest.
    """
    if value is None:
        return []
    pairs: dict[str, str] = {}
    for item in value.split(","):
        found = _DICTIONARY_ITEM.fullmatch(item)
        if found is None:
            raise InvalidDigest(name, f"must be 'sha-256=:base64:', got {quote(item)}", list(_STRUCTURED))
        pairs[found[1]] = found[2]
    return _checksums(name, pairs, _STRUCTURED)


def parse_old_digest(value: str | None) -> list[Checksum]:
    """Read ``Digest``: ``SHA-256=base64`` or ``sha=base64``, names in any case. Raises InvalidDigest."""
    if value is None:
        return []
    pairs: dict[str, str] = {}
    for item in value.split(","):
        algorithm, equals, encoded = item.strip().partition("=")
        if not equals:
            raise InvalidDigest("Digest", f"must be 'SHA-256=base64', got {quote(item)}", list(_OLD))
        pairs[algorithm.lower()] = encoded
    return _checksums("Digest", pairs, _OLD)


def _checksums(name: str, pairs: Mapping[str, str], offered: Mapping[str, str]) -> list[Checksum]:
    checksums = []
    for algorithm, encoded in pairs.items():
        if algorithm not in offered:
            continue
        expected, size = decode_base64(encoded), ALGORITHMS[offered[algorithm]][1]
        if expected is None or len(expected) != size:
            raise InvalidDigest(
                name, f"must have the {size} bytes of {algorithm} in base64 with padding", list(offered)
            )
        checksums.append(Checksum(offered[algorithm], expected))
    if not checksums:
        raise InvalidDigest(name, "names no algorithm that is offered here", list(offered))
    return checksums


def parse_sha256(value: object, *, name: str = "sha256") -> str:
    """Read 64 hexadecimal digits, in any case; return them in lower case. Raises InvalidField."""
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise InvalidField(name, "must be 64 hexadecimal digits")
    return value.lower()
