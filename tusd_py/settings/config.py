"""Every setting of the application. Those of the server itself (host, port ...) are in ``http1``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal

from tusd_py.model.events import EventType
from tusd_py.settings.declaration import BadSetting, check_words, setting
from tusd_py.settings.hooks import HookSettings

Durability = Literal["finish", "patch", "none"]
Preallocate = Literal["full", "sparse", "none"]

Network = IPv4Network | IPv6Network

#: A function of an embedding application, sync (run in a thread) or async.
Callback = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of one upload application, checked when it is made. Names end in their unit: ``_s``, ``_bytes``.

    Raises:
        BadSetting: A value is not allowed; the message names the setting.
    """

    base_path: str = setting(
        "/files/",
        flag="base-path",
        group="Listening",
        help="URL path at which uploads are created",
        doc="URL path at which uploads are created, relative to where the application is mounted",
    )
    behind_proxy: bool = setting(
        False,
        flag="behind-proxy",
        group="Listening",
        help="Build URLs from X-Forwarded-Host, X-Forwarded-Proto and Forwarded",
        doc="build URLs from `X-Forwarded-Host`, `X-Forwarded-Proto` and `Forwarded`; only behind a proxy that "
        "sets them",
    )
    trusted_proxies: str = setting(
        "",
        flag="trusted-proxies",
        group="Listening",
        help="Comma list of addresses and networks of proxies whose headers -behind-proxy believes; empty = all",
        doc="comma list of addresses and networks (`127.0.0.1,10.0.0.0/8`) of proxies whose headers `-behind-proxy` "
        "believes; empty: everybody's. Who reaches a UNIX socket is always believed",
    )
    max_size: int | None = setting(
        None,
        flag="max-size",
        group="Upload protocol",
        help="Largest upload in bytes; 0 = unlimited",
        doc="largest upload in bytes; 0: unlimited. Applies to deferred lengths, chunked bodies and finals, too",
    )
    max_metadata_bytes: int = setting(
        8192,
        flag="max-metadata-size",
        group="Upload protocol",
        help="Largest Upload-Metadata in bytes",
        doc="largest `Upload-Metadata` in bytes; HEAD sends it back, and clients limit what they read",
    )
    max_partials: int = setting(
        1000, flag="max-partials", group="Upload protocol", help="Most partial uploads that a final may name"
    )
    disable_download: bool = setting(
        False, flag="disable-download", group="Upload protocol", help="Refuse GET on uploads"
    )
    disable_termination: bool = setting(
        False, flag="disable-termination", group="Upload protocol", help="Refuse DELETE on uploads"
    )
    disable_concatenation: bool = setting(
        False,
        flag="disable-concatenation",
        group="Upload protocol",
        help="Refuse Upload-Concat",
        doc="refuse `Upload-Concat`",
    )

    api_prefix: str = setting(
        "",
        flag="api-prefix",
        group="Parallel chunks",
        help="URL path above uploads/ and artifacts/",
        doc="URL path above `uploads/` and `artifacts/` of the [parallel chunk API](parallel-chunks.md). If "
        "`-base-path` is one of the two or below it, the API does not offer that one",
    )
    disable_api: bool = setting(
        False, flag="disable-api", group="Parallel chunks", help="Offer no parallel chunk API"
    )
    list_anonymous: bool = setting(
        False,
        flag="list-anonymous",
        group="Parallel chunks",
        help="Show uploads and artifacts made without a user in everybody's lists",
        doc="show uploads and artifacts that were made without a user in everybody's lists. Without it only "
        "logged-in users get lists, of their own: what was made without a user is protected by its id alone",
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
        help="Chunk size in bytes that clients are advised to use",
        doc="chunk size in bytes that clients are advised to use; not enforced",
    )
    preallocate: Preallocate = setting(
        "full",
        flag="preallocate",
        group="Parallel chunks",
        help="Space reserved for a session: full (all blocks), sparse (only the size), none",
        doc="what is reserved when a session is created. `full`: all blocks of its file, else 507 (as `sparse` if "
        "the file system cannot reserve). `sparse`: the file's size without blocks. `none`: nothing",
    )
    min_free_bytes: int = setting(
        0,
        flag="min-free-bytes",
        group="Parallel chunks",
        help="Refuse sessions that would leave fewer bytes free on the disk",
    )
    content_range_total: Literal["strict", "ignore"] = setting(
        "strict",
        flag="content-range-total",
        group="Parallel chunks",
        help="Total in Content-Range: strict (must be the upload's size) or ignore",
        doc="`strict`: the total in `Content-Range` must be the upload's size. `ignore`: it may be any number",
    )
    on_chunk_conflict: Literal["reject", "replace"] = setting(
        "reject",
        flag="on-chunk-conflict",
        group="Parallel chunks",
        help="A chunk that differs from bytes already received: reject or replace",
        doc="a chunk that differs from bytes already received: `reject` refuses it with 409, `replace` stores it "
        "instead",
    )
    commit_sync_bytes: int = setting(
        2 << 30,
        flag="commit-sync-bytes",
        group="Parallel chunks",
        help="Commit uploads of more bytes in the background",
        doc="uploads of more bytes are committed in the background, and the answer is 202",
    )
    commit_creates_artifact: bool = setting(
        False,
        flag="commit-creates-artifact",
        group="Parallel chunks",
        help="Create the artifact with the commit",
        doc="a commit creates the artifact as well",
    )
    duplicate_artifact: Literal["return", "reject"] = setting(
        "return",
        flag="duplicate-artifact",
        group="Parallel chunks",
        help="An artifact whose content exists already: return or reject",
        doc="an artifact whose content exists already: `return` answers with the existing one, `reject` with 409",
    )
    chunk_idle_timeout_s: float = setting(
        60.0,
        flag="chunk-idle-timeout",
        group="Parallel chunks",
        help="End a chunk when no byte arrives for this long; 0 = never",
        doc="a chunk is ended with 408 when no byte of it arrives for this long; 0: never",
    )
    pulp_compat: bool = setting(
        False,
        flag="pulp-compat",
        group="Parallel chunks",
        help="Pulp's names, tasks and rules for chunks",
        doc="Pulp's upload flow: sets `-content-range-total ignore`, `-on-chunk-conflict replace` and "
        "`-commit-creates-artifact`, adds `pulp_href` and similar fields, and commits answer with 202 and a task",
    )

    show_greeting: bool = setting(
        False,
        flag="show-greeting",
        flag_default=True,
        group="Monitoring, profiling, logging",
        help="Greet whoever asks for /",
        doc="greet whoever asks for `/` and say where uploads go; not where uploads go to `/` itself",
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
        doc="regular expression that the **whole** `Origin` must match; others get 403. (In tusd it may match "
        "anywhere)",
    )
    cors_allow_credentials: bool = setting(
        False, flag="cors-allow-credentials", group="CORS", help="Allow credentials"
    )
    cors_allow_methods: str = setting(
        "",
        flag="cors-allow-methods",
        group="CORS",
        help="More methods to allow, separated by commas",
        doc="more methods to allow, separated by commas",
    )
    cors_allow_headers: str = setting(
        "",
        flag="cors-allow-headers",
        group="CORS",
        help="More request headers to allow, separated by commas",
        doc="more request headers to allow, separated by commas",
    )
    cors_max_age_s: int = setting(
        86400,
        flag="cors-max-age",
        group="CORS",
        help="Seconds for which browsers may cache a preflight",
        doc="seconds for which browsers may cache a preflight",
    )
    cors_expose_headers: str = setting(
        "",
        flag="cors-expose-headers",
        group="CORS",
        help="More response headers to expose, separated by commas",
        doc="more response headers to expose, separated by commas",
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
        doc="what survives a power cut. `finish`: every upload of which a client was told that it is complete. (Each "
        "chunk of an upload that tus created is therefore synced; a session is read again at its commit.) `patch`: "
        "every request that was answered with success. `none`: what the system happens to have written. With all "
        "three, the death of the process loses nothing",
    )

    medium: Literal["auto", "memory", "local", "remote"] = setting(
        "auto",
        flag="medium",
        group="File storage",
        help="What the directory is on: memory, local (a disk) or remote (a network, FUSE); auto detects it",
        doc="what the directory is on. It decides in which thread the server makes calls that may block. `memory`: "
        "on the event loop. `local`, a disk: short calls on the event loop while the disk is fast, syncs in "
        "threads. `remote`, a network or FUSE: all in threads, so that one that stalls blocks no other request. "
        "`auto`: by the type of the file system",
    )

    expire_after_s: float = setting(
        7 * 86400.0,
        flag="expire-after",
        group="Expiry",
        help="How long after its last bytes an unfinished upload expires; 0 = never",
        doc="an unfinished upload expires this long after its last bytes; 0: never",
    )
    expire_complete_after_s: float = setting(
        0.0,
        flag="expire-complete-after",
        group="Expiry",
        help="How long after its completion a complete upload expires; 0 = never",
        doc="a complete upload expires this long after its completion; 0: never",
    )
    tombstone_for_s: float = setting(
        86400.0,
        flag="tombstone-for",
        group="Expiry",
        help="How long an expired upload answers 410, then 404",
        doc="an expired upload answers 410 for this long, then 404",
    )
    sweep_interval_s: float = setting(
        60.0,
        flag="sweep-interval",
        group="Sweep by the server",
        help="Time between two sweeps for expired uploads; 0 = the server does not sweep",
        doc="time between two sweeps for expired uploads; 0: the server does not sweep, use `tusd-py sweep`",
    )

    acquire_lock_timeout_s: float = setting(
        20.0,
        flag="acquire-lock-timeout",
        group="Timeout",
        needs_positive=True,
        help="How long a request waits for another one to release an upload",
        doc="how long a request waits for another one to release an upload; then 423",
    )

    #: ``(request)``, before anything else is done with a request; not for preflights.
    on_incoming_request: Callback | None = None
    #: ``(request, upload)``, before an upload is created; may return a mapping that replaces its metadata.
    on_upload_create: Callback | None = None
    #: ``(request, upload)``, when all bytes have been stored; may return a ``HookReply`` for the client.
    on_upload_finish: Callback | None = None
    #: ``(request, upload)``, before an upload is deleted on a client's request.
    on_upload_terminate: Callback | None = None
    #: Which events are written for ``UploadApp.outbox``, each in the transaction of its change.
    record_events: frozenset[EventType] = frozenset()
    #: Names of secret headers that are written with events nevertheless, such as ``cookie``.
    record_headers: frozenset[str] = frozenset()

    #: Programs outside of this process that are asked and told, as tusd's hooks.
    hooks: HookSettings = HookSettings()

    @property
    def syncs_answers(self) -> bool:
        """Whether what a 2xx tells a client is synced before the answer (``durability`` is ``patch``)."""
        return self.durability == "patch"

    @property
    def syncs_completion(self) -> bool:
        """Whether a complete upload is synced before a client is told of it (``patch`` and ``finish``)."""
        return self.durability != "none"

    def __post_init__(self) -> None:
        self._check_places()
        object.__setattr__(self, "upload_dir", Path(self.upload_dir))
        object.__setattr__(self, "record_events", _event_types(self.record_events))
        object.__setattr__(self, "record_headers", frozenset(map(str.lower, self.record_headers)))
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
        self._check_limits()
        if self.record_events and self.hooks.is_on:
            raise BadSetting(
                "record_events", "cannot be used together with hooks: both empty the same outbox"
            )
        try:
            re.compile(self.cors_allow_origin)
        except re.error as error:
            raise BadSetting("cors_allow_origin", f"is not a regular expression: {error}") from None

    def _check_limits(self) -> None:
        for name in ("max_size", "max_chunk_size"):
            limit = getattr(self, name)
            if limit is not None and limit <= 0:
                raise BadSetting(name, "must be positive, or None for no limit")
        for name in ("max_metadata_bytes", "max_partials", "max_chunks", "advised_chunk_size"):
            if getattr(self, name) < 1:
                raise BadSetting(name, "must be at least 1")
        for each in fields(self):
            if each.name.endswith(("_s", "_bytes")) and getattr(self, each.name) < 0:
                raise BadSetting(each.name, "must not be negative")

    def _check_places(self) -> None:
        if "://" in self.base_path:
            raise BadSetting("base_path", "must be a path: what a proxy is called comes from -behind-proxy")
        try:
            networks = parse_networks(self.trusted_proxies)
        except ValueError as error:
            raise BadSetting("trusted_proxies", f"must be addresses and networks: {error}") from None
        if networks and not self.behind_proxy:
            raise BadSetting("trusted_proxies", "has no meaning without behind_proxy")


def _event_types(words: Iterable[str]) -> frozenset[EventType]:
    try:
        return frozenset(map(EventType, words))
    except ValueError:
        raise BadSetting("record_events", f"may have {', '.join(EventType)}") from None


def parse_networks(text: str) -> list[Network]:
    """Read addresses and networks, separated by commas. Raises ValueError for anything else."""
    return [ip_network(item.strip(), strict=False) for item in text.split(",") if text]
