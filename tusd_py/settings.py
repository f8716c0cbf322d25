"""Every setting of the application, checked once. The server's own (host, port ...) are in ``server``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal

Durability = Literal["finish", "patch", "none"]
Preallocate = Literal["full", "sparse", "none"]

#: The settings that are one of some words.
_WORDS: Final = {
    "durability": ("finish", "patch", "none"),
    "preallocate": ("full", "sparse", "none"),
    "content_range_total": ("strict", "ignore"),
    "on_chunk_conflict": ("reject", "replace"),
    "duplicate_artifact": ("return", "reject"),
}

#: A function of an application that embeds us, sync (run in a thread) or async.
Callback = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of one upload application. Names end in their unit where they have one."""

    #: The whole state: data files, the export of each (``.info``), and the hidden folder ``.tusd-py``.
    upload_dir: Path = Path("data")
    #: URL path that makes uploads, relative to where the application is mounted.
    base_path: str = "/files/"
    #: Largest upload in bytes; None: unlimited.
    max_size: int | None = None
    #: Believe ``X-Forwarded-Host``, ``X-Forwarded-Proto`` and ``Forwarded`` when URLs are built.
    behind_proxy: bool = False
    disable_download: bool = False
    disable_termination: bool = False
    disable_concatenation: bool = False

    disable_cors: bool = False
    #: Regular expression that an ``Origin`` must match as a whole.
    cors_allow_origin: str = ".*"
    cors_allow_credentials: bool = False
    #: Comma lists that are added to the built-in ones.
    cors_allow_methods: str = ""
    cors_allow_headers: str = ""
    cors_expose_headers: str = ""
    cors_max_age_s: int = 86400

    #: An unfinished upload expires this long after its last bytes; 0: never.
    expire_after_s: float = 7 * 86400.0
    #: A complete upload expires this long after its completion; 0: never.
    expire_complete_after_s: float = 0.0
    #: How long an expired upload answers 410 before it answers 404.
    tombstone_for_s: float = 86400.0
    #: Time between two sweeps; 0: none in the background.
    sweep_interval_s: float = 60.0

    #: What survives a power cut: complete uploads, every answered PATCH, or what the system happens to write.
    durability: Durability = "finish"
    #: How long a request waits for another one to let go of an upload before it is refused with 423.
    acquire_lock_timeout_s: float = 20.0
    #: Largest ``Upload-Metadata`` in bytes. HEAD sends it back, and clients limit what they read.
    max_metadata_bytes: int = 8192
    #: Most partial uploads that one final may name.
    max_partials: int = 1000
    #: Permission bits of new files and of the upload directory, before umask.
    file_mode: int = 0o664
    dir_mode: int = 0o775

    #: URL path below which ``uploads/`` and ``artifacts/`` of the parallel chunk API are.
    api_prefix: str = ""
    disable_api: bool = False
    #: Refuse to list uploads and artifacts: their ids are all that protects those of no user.
    #: Let lists show everybody what was made without a user.
    list_anonymous: bool = False
    #: Most chunks of one upload, and the largest one in bytes (None: unlimited).
    max_chunks: int = 10_000
    max_chunk_size: int | None = None
    #: A hint to clients, in bytes.
    advised_chunk_size: int = 8 << 20
    #: How the file of a session is made: with all its blocks, with its size only, or empty.
    preallocate: Preallocate = "full"
    #: A session is refused when less than this would stay free on the medium.
    min_free_bytes: int = 0
    #: What the total in ``Content-Range`` must be: the upload's size, or anything.
    content_range_total: Literal["strict", "ignore"] = "strict"
    #: Other bytes for a range that was received: refuse them, or take them instead.
    on_chunk_conflict: Literal["reject", "replace"] = "reject"
    #: Larger uploads are committed in the background.
    commit_sync_bytes: int = 2 << 30
    commit_creates_artifact: bool = False
    #: An artifact of content that is there: answer with that one, or refuse.
    duplicate_artifact: Literal["return", "reject"] = "return"
    #: A chunk of which no byte arrives for so long is given up; 0: never.
    chunk_idle_timeout_s: float = 60.0
    #: Pulp's way: totals ignored, chunks replaced, commit makes the artifact; its names and tasks as well.
    pulp_compat: bool = False

    #: ``(request)``, before anything of any request but a preflight is looked at.
    on_incoming_request: Callback | None = None
    #: ``(request, upload)``, before an upload is made; may return a mapping that replaces its metadata.
    on_upload_create: Callback | None = None
    #: ``(request, upload)``, when all bytes are there; may return a ``HookReply`` for the client.
    on_upload_finish: Callback | None = None
    #: ``(request, upload)``, before an upload is deleted on a client's request.
    on_upload_terminate: Callback | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "upload_dir", Path(self.upload_dir))
        object.__setattr__(self, "base_path", "/" + self.base_path.strip("/") + "/")
        if self.base_path == "//":
            object.__setattr__(self, "base_path", "/")
        prefix = self.api_prefix.strip("/")
        object.__setattr__(self, "api_prefix", f"/{prefix}" if prefix else "")
        if self.pulp_compat:
            object.__setattr__(self, "content_range_total", "ignore")
            object.__setattr__(self, "on_chunk_conflict", "replace")
            object.__setattr__(self, "commit_creates_artifact", True)
        self._check_words()
        for name in ("max_size", "max_chunk_size"):
            limit = getattr(self, name)
            if limit is not None and limit <= 0:
                raise ValueError(f"{name} must be positive, or None for no limit")
        for name in ("max_metadata_bytes", "max_partials", "max_chunks", "advised_chunk_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        for setting in fields(self):
            if setting.name.endswith(("_s", "_bytes")) and getattr(self, setting.name) < 0:
                raise ValueError(f"{setting.name} must not be negative")
        try:
            re.compile(self.cors_allow_origin)
        except re.error as error:
            raise ValueError(f"cors_allow_origin is no regular expression: {error}") from None

    def _check_words(self) -> None:
        for name, words in _WORDS.items():
            if getattr(self, name) not in words:
                expected = f"{', '.join(words[:-1])} or {words[-1]}"
                raise ValueError(f"{name} must be {expected}, not {getattr(self, name)!r}")
