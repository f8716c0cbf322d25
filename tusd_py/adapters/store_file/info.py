"""Reads and writes ``<id>.info``, tusd's JSON description of an upload.

It is written for scripts and for tusd itself, and read only when the catalog does not know an upload.
The keys and their order are tusd's. Three more keys are ours: ``User``, without which everybody could read
every upload after the catalog was lost, ``ConcatHeader``, and ``IsSession`` for an incomplete session.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tusd_py.model.file_info import file_info, file_storage
from tusd_py.model.upload import (
    METADATA_KEY,
    Upload,
    UploadChunk,
    UploadKind,
    UploadState,
    is_upload_id,
)

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
#: A larger file is not a description of an upload, and reading it could use up the memory.
MAX_INFO_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Info:
    """The checked content of an ``.info`` file. ``length`` (bytes) is None while deferred."""

    length: int | None
    metadata: dict[str, bytes]
    kind: UploadKind
    partial_ids: tuple[str, ...]
    user: str | None
    concat_header: str | None


def format_info(upload: Upload, chunks: Sequence[UploadChunk], *, data_path: str) -> bytes:
    """Return the description of ``upload`` as JSON; ``chunks`` are those of a final."""
    partial_ids = [chunk.source_id for chunk in chunks if chunk.source_id is not None]
    fields = file_info(upload, offset=0, partial_ids=partial_ids or None, storage=file_storage(data_path))
    if upload.user is not None:
        fields["User"] = upload.user
    if upload.kind is UploadKind.FINAL and upload.concat_header is not None:
        fields["ConcatHeader"] = upload.concat_header
    if upload.kind is UploadKind.SESSION and upload.state is not UploadState.COMPLETE:
        fields["IsSession"] = True
    return _ENCODER.encode(fields).encode(errors="replace")


def parse_info(data: bytes, *, upload_id: str) -> Info | None:
    """Read the content of an ``.info`` file, which is untrusted; None unless it describes ``upload_id``.

    The case of keys is ignored, and so are unknown keys, as in tusd. The paths in ``Storage`` are not used:
    the directory may have been moved, and no file may point elsewhere.
    """
    try:
        loaded = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(loaded, dict):
        return None
    fields = {key.lower(): value for key, value in loaded.items()}
    size, metadata = fields.get("size"), fields.get("metadata") or {}
    partial_ids = fields.get("partialuploads") or []
    user, concat_header = fields.get("user"), fields.get("concatheader")
    if (
        fields.get("id") != upload_id
        or not _is_size(size)
        or not _is_text_map(metadata)
        or not (isinstance(partial_ids, list) and all(_is_id(item) for item in partial_ids))
        or not _is_user(user)
        or not _is_header_text(concat_header)
    ):
        return None
    return Info(
        length=None if fields.get("sizeisdeferred") is True else size,
        metadata={key: value.encode(errors="replace") for key, value in metadata.items()},
        kind=_kind(fields),
        partial_ids=tuple(partial_ids),
        user=user,
        concat_header=concat_header,
    )


def _kind(fields: dict[str, Any]) -> UploadKind:
    for key, kind in (
        ("issession", UploadKind.SESSION),
        ("isfinal", UploadKind.FINAL),
        ("ispartial", UploadKind.PARTIAL),
    ):
        if fields.get(key) is True:
            return kind
    return UploadKind.SINGLE


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_id(value: object) -> bool:
    return isinstance(value, str) and is_upload_id(value)


def _is_user(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.isprintable())


def _is_header_text(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.isascii() and value.isprintable())


def _is_text_map(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(text, str) and METADATA_KEY.fullmatch(key) for key, text in value.items()
    )
