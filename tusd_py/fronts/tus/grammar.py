"""tus 1.0.0 on the wire: header fields to requests, uploads to header fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tusd_py.errors.requests import (
    InvalidDeferLength,
    InvalidOffset,
    InvalidUploadLength,
    MalformedHeader,
    UnsupportedMediaType,
    UnsupportedVersion,
)
from tusd_py.fronts.http.checksum import parse_checksum
from tusd_py.fronts.http.cors import CrossOrigin
from tusd_py.fronts.http.headers import HeaderFields, parse_byte_count, quote
from tusd_py.fronts.http.http_dates import format_http_date
from tusd_py.fronts.tus.concat import Concat, parse_concat
from tusd_py.fronts.tus.metadata import format_metadata, parse_metadata
from tusd_py.model.digests import Checksum
from tusd_py.model.upload import Upload, UploadKind, UploadState

VERSION: Final = "1.0.0"
CONTENT_TYPE: Final = "application/offset+octet-stream"
TUS_FIELDS: Final = CrossOrigin(
    request=(
        "Tus-Resumable",
        "Upload-Length",
        "Upload-Offset",
        "Upload-Metadata",
        "Upload-Defer-Length",
        "Upload-Concat",
        "Upload-Checksum",
    ),
    response=(
        "Upload-Offset",
        "Upload-Length",
        "Upload-Metadata",
        "Upload-Defer-Length",
        "Upload-Concat",
        "Upload-Expires",
        "Tus-Resumable",
        "Tus-Version",
        "Tus-Extension",
        "Tus-Max-Size",
        "Tus-Checksum-Algorithm",
    ),
)


class Extension(StrEnum):
    """The protocol's extensions, by the names that ``Tus-Extension`` announces."""

    CREATION = "creation"
    CREATION_WITH_UPLOAD = "creation-with-upload"
    CREATION_DEFER_LENGTH = "creation-defer-length"
    TERMINATION = "termination"
    CONCATENATION = "concatenation"
    CONCATENATION_UNFINISHED = "concatenation-unfinished"
    CHECKSUM = "checksum"
    CHECKSUM_TRAILER = "checksum-trailer"
    EXPIRATION = "expiration"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of header values."""

    metadata_bytes: int  # of Upload-Metadata as sent
    partials: int  # URLs in Upload-Concat


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """A POST to the creation URL. ``length`` (bytes) is None when deferred, and for a final."""

    length: int | None
    metadata: Mapping[str, bytes]
    metadata_header: str | None
    concat: Concat | None
    checksum: Checksum | None
    has_chunk: bool  # the body is upload data (creation-with-upload)


@dataclass(frozen=True, slots=True)
class AppendRequest:
    """A PATCH. ``length`` (bytes) is None unless it declares the length of a deferred upload."""

    offset: int
    length: int | None
    checksum: Checksum | None


def only(headers: HeaderFields, name: str, error: type[MalformedHeader] = MalformedHeader) -> str | None:
    """Return the header ``name``; None when absent.

    Raises:
        MalformedHeader: It was sent more than once: two readers could each use a different line.
    """
    lines = headers.getlist(name)
    if not lines:
        return None
    if len(lines) > 1:
        raise error(name, f"was sent {len(lines)} times, expected once")
    return lines[0]


def check_version(headers: HeaderFields, *, required: bool) -> None:
    """Refuse a request for another version of the protocol.

    Raises:
        UnsupportedVersion: ``Tus-Resumable`` is not exactly ``1.0.0``, or it is ``required`` and absent.

    Spec: tus 1.0.0, Headers, Tus-Resumable and Tus-Version.
    """
    lines = headers.getlist("Tus-Resumable")
    if lines == [VERSION] or (not lines and not required):
        return
    found = quote(", ".join(lines)) if lines else "none"
    raise UnsupportedVersion(found, supported=VERSION)


def has_upload_type(headers: HeaderFields) -> bool:
    """Whether ``Content-Type`` says that the body is upload data.

    Case and parameters are ignored (RFC 9110, Media Type).
    """
    lines = headers.getlist("Content-Type")
    return len(lines) == 1 and lines[0].partition(";")[0].strip().lower() == CONTENT_TYPE


def parse_create(headers: HeaderFields, limits: Limits) -> CreateRequest:
    """Read the header fields of a creation.

    Raises:
        MalformedHeader: A header is wrong; the subclass says which.

    Spec: tus 1.0.0, Creation; Creation With Upload; Concatenation.
    """
    concat = parse_concat(only(headers, "Upload-Concat"), max_partials=limits.partials)
    metadata_header = only(headers, "Upload-Metadata")
    metadata = parse_metadata(metadata_header, max_bytes=limits.metadata_bytes)
    return CreateRequest(
        # A final's length is the sum of its partials'; Upload-Length is ignored, as in tusd.
        length=None if concat is not None and concat.is_final else _parse_new_length(headers),
        metadata=metadata,
        metadata_header=metadata_header if metadata else None,
        concat=concat,
        checksum=parse_checksum(only(headers, "Upload-Checksum")),
        has_chunk=has_upload_type(headers),
    )


def _parse_new_length(headers: HeaderFields) -> int | None:
    length = only(headers, "Upload-Length", InvalidUploadLength)
    deferred = only(headers, "Upload-Defer-Length", InvalidDeferLength)
    if deferred is None:
        return parse_byte_count("Upload-Length", length, InvalidUploadLength)
    if length is not None:
        raise InvalidDeferLength(
            "Upload-Defer-Length", "was sent with Upload-Length, expected one of the two"
        )
    if deferred != "1":
        raise InvalidDeferLength("Upload-Defer-Length", f"must be 1, got {quote(deferred)}")
    return None


def parse_append(headers: HeaderFields) -> AppendRequest:
    """Read the header fields of a PATCH.

    Raises:
        UnsupportedMediaType: ``Content-Type`` is not ``application/offset+octet-stream``.
        MalformedHeader: A header is wrong; the subclass says which.

    Spec: tus 1.0.0, Core Protocol, PATCH; Creation, Upload-Defer-Length; Checksum.
    """
    if not has_upload_type(headers):
        raise UnsupportedMediaType(f"Content-Type must be {CONTENT_TYPE}")
    offset = parse_byte_count("Upload-Offset", only(headers, "Upload-Offset", InvalidOffset), InvalidOffset)
    length = only(headers, "Upload-Length", InvalidUploadLength)
    return AppendRequest(
        offset=offset,
        length=None if length is None else parse_byte_count("Upload-Length", length, InvalidUploadLength),
        checksum=parse_checksum(only(headers, "Upload-Checksum")),
    )


def announces_checksum_trailer(headers: HeaderFields) -> bool:
    """Whether ``Trailer`` says that ``Upload-Checksum`` follows the body (tus 1.0.0, Checksum)."""
    names = ",".join(headers.getlist("Trailer")).split(",")
    return any(name.strip().lower() == "upload-checksum" for name in names)


def expiry_headers(upload: Upload) -> dict[str, str]:
    """Return ``Upload-Expires``; nothing when the upload never expires or has expired (tus, Expiration)."""
    if upload.expires_at is None or upload.state is UploadState.EXPIRED:
        return {}
    return {"Upload-Expires": format_http_date(upload.expires_at)}


def offset_headers(upload: Upload, offset: int) -> dict[str, str]:
    """Return the header fields of an answer to a PATCH or to a creation with data."""
    return {"Upload-Offset": str(offset), **expiry_headers(upload)}


def head_headers(upload: Upload, offset: int) -> dict[str, str]:
    """Return the header fields of an answer to HEAD.

    A final that waits for its partials has no ``Upload-Offset``: a client has nothing to resume
    (tus 1.0.0, Concatenation: SHOULD NOT).
    """
    headers = {"Cache-Control": "no-store", **expiry_headers(upload)}
    if upload.kind is not UploadKind.FINAL or upload.state is UploadState.COMPLETE:
        headers["Upload-Offset"] = str(offset)
    if upload.length is not None:
        headers["Upload-Length"] = str(upload.length)
    elif upload.kind is not UploadKind.FINAL:
        headers["Upload-Defer-Length"] = "1"
    if upload.concat_header is not None:
        headers["Upload-Concat"] = upload.concat_header
    metadata = upload.metadata_header or format_metadata(upload.metadata)
    if metadata is not None:
        headers["Upload-Metadata"] = metadata
    return headers
