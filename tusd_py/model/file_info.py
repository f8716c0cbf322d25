"""An upload in tusd's terms, as its ``.info`` files and its hooks have it. No IO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tusd_py.model.upload import Upload, UploadKind


def file_info(
    upload: Upload, *, offset: int, partial_ids: Sequence[str] | None, storage: Mapping[str, str] | None
) -> dict[str, Any]:
    """Return the members of tusd's ``FileInfo``, in its order.

    Args:
        offset: In bytes.
        partial_ids: Those of a final; None: it is none.
        storage: Where the bytes are; None: nowhere yet.
    """
    return {
        "ID": upload.id,
        "Size": upload.length or 0,
        "SizeIsDeferred": upload.length is None,
        "Offset": offset,
        # tusd stores text; bytes that are not UTF-8 become U+FFFD, as in tusd.
        "MetaData": {key: value.decode(errors="replace") for key, value in sorted(upload.metadata.items())},
        "IsPartial": upload.kind is UploadKind.PARTIAL,
        "IsFinal": upload.kind is UploadKind.FINAL,
        "PartialUploads": partial_ids,
        "Storage": storage,
    }


def file_storage(path: str) -> dict[str, str]:
    """Return where tusd's store of files keeps an upload whose data file is at ``path``."""
    return {"InfoPath": f"{path}.info", "Path": path, "Type": "filestore"}
