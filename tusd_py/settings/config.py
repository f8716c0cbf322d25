"""Every setting of the application, checked once. The server's own (host, port ...) are in ``http1``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from tusd_py.settings.declaration import check_words, setting

Durability = Literal["finish", "patch", "none"]
Preallocate = Literal["full", "sparse", "none"]

#: A function of an application that embeds us, sync (run in a thread) or async.
Callback = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of one upload application. Names end in their unit where they have one.

    Raises:
        ValueError: A value makes no sense; the message names it.
    """

    base_path: str = setting(
        "/files/",
        flag="base-path",
        group="Protocol",
        help="URL path that makes uploads",
        doc="URL path that makes uploads, relative to where the application is mounted",
    )
    behind_proxy: bool = setting(
        False,
        flag="behind-proxy",
        group="Protocol",
        help="Build URLs from X-Forwarded-Host, X-Forwarded-Proto and Forwarded",
        doc="build URLs from `X-Forwarded-Host`, `X-Forwarded-Proto` and `Forwarded`; only behind a proxy that "
        "sets them",
    )
    max_size: int | None = setting(
        None,
        flag="max-size",
        group="Protocol",
        help="Largest upload in bytes; 0 = unlimited",
        doc="largest upload in bytes; 0: unlimited. Holds for deferred lengths, chunked bodies and finals, too",
    )
    max_metadata_bytes: int = setting(
        8192,
        flag="max-metadata-size",
        group="Protocol",
        help="Largest Upload-Metadata in bytes",
        doc="largest `Upload-Metadata` in bytes; HEAD sends it back, and clients limit what they read",
    )
    max_partials: int = setting(
        1000, flag="max-partials", group="Protocol", help="Most partial uploads that a final may name"
    )
    disable_download: bool = setting(
        False, flag="disable-download", group="Protocol", help="Refuse GET on uploads"
    )
    disable_termination: bool = setting(
        False, flag="disable-termination", group="Protocol", help="Refuse DELETE on uploads"
    )
    disable_concatenation: bool = setting(
        False,
        flag="disable-concatenation",
        group="Protocol",
        help="Refuse Upload-Concat",
        doc="refuse `Upload-Concat`",
    )

    api_prefix: str = setting(
        "",
        flag="api-prefix",
        group="Parallel chunks",
        help="URL path above uploads/ and artifacts/",
        doc="URL path above `uploads/` and `artifacts/` of the [parallel chunk API](parallel-chunks.md); where "
        "`-base-path` lies within one of these, that one is tus'",
    )
    disable_api: bool = setting(
        False, flag="disable-api", group="Parallel chunks", help="Offer no parallel chunk API"
    )
    list_anonymous: bool = setting(
        False,
        flag="list-anonymous",
        group="Parallel chunks",
        help="Let lists show everybody what was made without a user",
        doc="let lists show everybody the uploads and artifacts that were made without a user. Without it only "
        "logged-in users have lists, of what is theirs: what was made without a user is protected by its id alone",
    )
    max_chunks: int = setting(
        10_000, flag="max-chunks", group="Parallel chunks", help="Most chunks of one upload"
    )
    max_chunk_size: int | None = setting(
        None,
        flag="max-chunk-size",
        group="Parallel chunks",
        help="Largest chunk in bytes; 0 = unlimited",
        doc="largest chunk in bytes; 0: unlimited",
    )
    advised_chunk_size: int = setting(
        8 << 20,
        flag="advised-chunk-size",
        group="Parallel chunks",
        help="Size of chunks that clients are told to use",
        doc="what clients are told to use, in bytes; a hint only",
    )
    preallocate: Preallocate = setting(
        "full",
        flag="preallocate",
        group="Parallel chunks",
        help="Files of sessions: full (all blocks), sparse (only the size), none",
        doc="how the file of a session is made. `full`: all its blocks are reserved, else 507 (`sparse` where the "
        "file system cannot). `sparse`: its size only. `none`: empty",
    )
    min_free_bytes: int = setting(
        0,
        flag="min-free-bytes",
        group="Parallel chunks",
        help="Refuse sessions that would leave less free",
    )
    content_range_total: Literal["strict", "ignore"] = setting(
        "strict",
        flag="content-range-total",
        group="Parallel chunks",
        help="Total in Content-Range: strict (must be the upload's size) or ignore",
        doc="the total in `Content-Range` must be the upload's size; `ignore`: may be anything",
    )
    on_chunk_conflict: Literal["reject", "replace"] = setting(
        "reject",
        flag="on-chunk-conflict",
        group="Parallel chunks",
        help="Other bytes for a received range: reject or replace",
        doc="other bytes for a range that was received: refused with 409; `replace`: taken instead",
    )
    commit_sync_bytes: int = setting(
        2 << 30,
        flag="commit-sync-bytes",
        group="Parallel chunks",
        help="Commit larger uploads in the background",
        doc="larger uploads are committed in the background, and the answer is 202",
    )
    commit_creates_artifact: bool = setting(
        False,
        flag="commit-creates-artifact",
        group="Parallel chunks",
        help="Make the artifact with the commit",
        doc="a commit makes the artifact as well",
    )
    duplicate_artifact: Literal["return", "reject"] = setting(
        "return",
        flag="duplicate-artifact",
        group="Parallel chunks",
        help="Content that is there: return or reject",
        doc="content that is there: answer with that artifact; `reject`: 409",
    )
    chunk_idle_timeout_s: float = setting(
        60.0,
        flag="chunk-idle-timeout",
        group="Parallel chunks",
        help="Give a chunk up when no byte arrives for so long; 0 = never",
        doc="a chunk of which no byte arrives for so long is given up with 408; 0: never",
    )
    pulp_compat: bool = setting(
        False,
        flag="pulp-compat",
        group="Parallel chunks",
        help="Pulp's names, tasks and rules for chunks",
        doc="Pulp's upload flow: sets `-content-range-total ignore`, `-on-chunk-conflict replace` and "
        "`-commit-creates-artifact`, adds `pulp_href` and its like, and has commits answer with 202 and a task",
    )

    disable_cors: bool = setting(
        False,
        flag="disable-cors",
        group="CORS",
        help="Send no CORS headers and check no Origin",
        doc="send no CORS headers and check no `Origin`",
    )
    cors_allow_origin: str = setting(
        ".*",
        flag="cors-allow-origin",
        group="CORS",
        help="Regular expression that the whole Origin must match",
        doc="regular expression that the **whole** `Origin` must match; others get 403. (tusd searches for it "
        "anywhere)",
    )
    cors_allow_credentials: bool = setting(
        False, flag="cors-allow-credentials", group="CORS", help="Allow credentials"
    )
    cors_allow_methods: str = setting(
        "",
        flag="cors-allow-methods",
        group="CORS",
        help="Comma list of further methods to allow",
        doc="comma list, added to the built-in one",
    )
    cors_allow_headers: str = setting(
        "",
        flag="cors-allow-headers",
        group="CORS",
        help="Comma list of further request headers to allow",
        doc="comma list of request headers, added to the built-in one",
    )
    cors_max_age_s: int = setting(
        86400,
        flag="cors-max-age",
        group="CORS",
        help="Seconds for which browsers may remember the answer",
        doc="seconds for which browsers may remember a preflight",
    )
    cors_expose_headers: str = setting(
        "",
        flag="cors-expose-headers",
        group="CORS",
        help="Comma list of further headers to expose",
        doc="comma list of response headers, added to the built-in one",
    )

    upload_dir: Path = setting(
        Path("data"),
        flag="upload-dir",
        flag_default="./data",
        group="File storage",
        help="Directory for uploads; all state is in it",
        doc="directory for uploads; all state is in it (catalog and locks in `.tusd-py`)",
    )
    dir_mode: int = setting(
        0o775,
        flag="dir-perms",
        is_octal=True,
        group="File storage",
        help="Permissions of new directories, octal, before umask",
    )
    file_mode: int = setting(
        0o664,
        flag="file-perms",
        is_octal=True,
        group="File storage",
        help="Permissions of new files, octal, before umask",
    )
    durability: Durability = setting(
        "finish",
        flag="durability",
        group="File storage",
        help="What survives a power cut: finish (complete uploads), patch (every answered request), none",
        doc="what survives a power cut. `finish`: an upload that a client was told is complete (so each chunk of "
        "an upload that tus began is synced; a session is read again at its commit). `patch`: every answered "
        "request. `none`: what the system happens to have written. All three survive the death of the process",
    )

    medium: Literal["auto", "memory", "local", "remote"] = setting(
        "auto",
        flag="medium",
        group="File storage",
        help="What the directory is on: memory, local (a disk) or remote (a network, FUSE); auto finds out",
        doc="what the directory is on, which decides where calls are made that may wait for it. `memory`: on the "
        "event loop. `local`, a disk: short ones on the event loop as long as it is quick, syncs in threads. "
        "`remote`, a network or FUSE: all in threads, so that one that stalls holds nobody else up. `auto`: as the "
        "type of its file system says",
    )

    expire_after_s: float = setting(
        7 * 86400.0,
        flag="expire-after",
        group="Expiry",
        help="Life of an unfinished upload; 0 = for ever",
        doc="an unfinished upload expires this long after its last bytes; 0: never",
    )
    expire_complete_after_s: float = setting(
        0.0,
        flag="expire-complete-after",
        group="Expiry",
        help="Life of a complete upload after its completion; 0 = for ever",
        doc="a complete upload expires this long after its completion; 0: never",
    )
    tombstone_for_s: float = setting(
        86400.0,
        flag="tombstone-for",
        group="Expiry",
        help="How long an expired upload answers 410, then 404",
        doc="an expired upload answers 410 for so long, then 404",
    )
    sweep_interval_s: float = setting(
        60.0,
        flag="sweep-interval",
        group="Sweep by the server",
        help="Time between two sweeps; 0 = none by the server",
        doc="time between two sweeps; 0: none by the server, use `tusd-py sweep`",
    )

    acquire_lock_timeout_s: float = setting(
        20.0,
        flag="acquire-lock-timeout",
        group="Time-outs",
        help="Wait for another request to let go",
        doc="how long a request waits for another one to let go of an upload, then 423",
    )

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
        check_words(self)
        for name in ("max_size", "max_chunk_size"):
            limit = getattr(self, name)
            if limit is not None and limit <= 0:
                raise ValueError(f"{name} must be positive, or None for no limit")
        for name in ("max_metadata_bytes", "max_partials", "max_chunks", "advised_chunk_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        for each in fields(self):
            if each.name.endswith(("_s", "_bytes")) and getattr(self, each.name) < 0:
                raise ValueError(f"{each.name} must not be negative")
        try:
            re.compile(self.cors_allow_origin)
        except re.error as error:
            raise ValueError(f"cors_allow_origin is no regular expression: {error}") from None
