"""Content under its digest. No IO."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Complete content, named by its digest: an upload becomes one when its file gets its final name."""

    id: str
    sha256: str
    size: int
    user: str | None = None
    upload_id: str | None = None  # the upload it was made of
    created_at: float
    is_ready: bool = True  # False: the file is being moved to its place
