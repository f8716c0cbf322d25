"""The command's flags, with tusd's names for what tusd has, and what they mean for our settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, cast

from tusd_py.command.go_flags import CommandLine, Flag
from tusd_py.fronts.tus.grammar import VERSION
from tusd_py.http1.run import ServerSettings
from tusd_py.settings import Config, Durability

_STORAGE: Final = (
    Flag("upload-dir", "string", "./data", "Directory for uploads; all state is in it", "File storage"),
    Flag("dir-perms", "string", "775", "Permissions of new directories, octal, before umask", "File storage"),
    Flag("file-perms", "string", "664", "Permissions of new files, octal, before umask", "File storage"),
    Flag(
        "durability",
        "string",
        "finish",
        "What survives a power cut: finish (complete uploads), patch (every answered request), none",
        "File storage",
    ),
)
_EXPIRY: Final = (
    Flag("expire-after", "duration", 7 * 86400.0, "Life of an unfinished upload; 0 = for ever", "Expiry"),
    Flag(
        "expire-complete-after",
        "duration",
        0.0,
        "Life of a complete upload after its completion; 0 = for ever",
        "Expiry",
    ),
    Flag("tombstone-for", "duration", 86400.0, "How long an expired upload answers 410, then 404", "Expiry"),
)

_CHUNKS: Final = (
    Flag("api-prefix", "string", "", "URL path above uploads/ and artifacts/", "Parallel chunks"),
    Flag("disable-api", "bool", False, "Offer no parallel chunk API", "Parallel chunks"),
    Flag(
        "list-anonymous",
        "bool",
        False,
        "Let lists show everybody what was made without a user",
        "Parallel chunks",
    ),
    Flag("max-chunks", "int", 10_000, "Most chunks of one upload", "Parallel chunks"),
    Flag("max-chunk-size", "int", 0, "Largest chunk in bytes; 0 = unlimited", "Parallel chunks"),
    Flag(
        "advised-chunk-size", "int", 8 << 20, "Size of chunks that clients are told to use", "Parallel chunks"
    ),
    Flag(
        "preallocate",
        "string",
        "full",
        "Files of sessions: full (all blocks), sparse (only the size), none",
        "Parallel chunks",
    ),
    Flag("min-free-bytes", "int", 0, "Refuse sessions that would leave less free", "Parallel chunks"),
    Flag(
        "content-range-total",
        "string",
        "strict",
        "Total in Content-Range: strict (must be the upload's size) or ignore",
        "Parallel chunks",
    ),
    Flag(
        "on-chunk-conflict",
        "string",
        "reject",
        "Other bytes for a received range: reject or replace",
        "Parallel chunks",
    ),
    Flag("commit-sync-bytes", "int", 2 << 30, "Commit larger uploads in the background", "Parallel chunks"),
    Flag("commit-creates-artifact", "bool", False, "Make the artifact with the commit", "Parallel chunks"),
    Flag(
        "duplicate-artifact", "string", "return", "Content that is there: return or reject", "Parallel chunks"
    ),
    Flag(
        "chunk-idle-timeout",
        "duration",
        60.0,
        "Give a chunk up when no byte arrives for so long; 0 = never",
        "Parallel chunks",
    ),
    Flag("pulp-compat", "bool", False, "Pulp's names, tasks and rules for chunks", "Parallel chunks"),
)

SERVE_FLAGS: Final = (
    Flag("host", "string", "0.0.0.0", "Address to listen on", "Listening"),  # noqa: S104 - tusd's default
    Flag("port", "int", 8080, "Port to listen on; 0 = any free one", "Listening"),
    Flag("unix-sock", "string", "", "Listen on this UNIX socket instead", "Listening"),
    Flag("base-path", "string", "/files/", "URL path that makes uploads", "Listening"),
    Flag(
        "behind-proxy",
        "bool",
        False,
        "Build URLs from X-Forwarded-Host, X-Forwarded-Proto and Forwarded",
        "Listening",
    ),
    Flag("workers", "int", 1, "Processes that share the port; 0 = one for each core", "Listening"),
    Flag("max-size", "int", 0, "Largest upload in bytes; 0 = unlimited", "Protocol"),
    Flag("max-header-size", "int", 65536, "Largest header section of a request in bytes", "Protocol"),
    Flag("max-metadata-size", "int", 8192, "Largest Upload-Metadata in bytes", "Protocol"),
    Flag("max-partials", "int", 1000, "Most partial uploads that a final may name", "Protocol"),
    Flag("disable-download", "bool", False, "Refuse GET on uploads", "Protocol"),
    Flag("disable-termination", "bool", False, "Refuse DELETE on uploads", "Protocol"),
    Flag("disable-concatenation", "bool", False, "Refuse Upload-Concat", "Protocol"),
    *_CHUNKS,
    Flag("disable-cors", "bool", False, "Send no CORS headers and check no Origin", "CORS"),
    Flag("cors-allow-origin", "string", ".*", "Regular expression that the whole Origin must match", "CORS"),
    Flag("cors-allow-credentials", "bool", False, "Allow credentials", "CORS"),
    Flag("cors-allow-methods", "string", "", "Comma list of further methods to allow", "CORS"),
    Flag("cors-allow-headers", "string", "", "Comma list of further request headers to allow", "CORS"),
    Flag("cors-max-age", "int", 86400, "Seconds for which browsers may remember the answer", "CORS"),
    Flag("cors-expose-headers", "string", "", "Comma list of further headers to expose", "CORS"),
    *_STORAGE,
    *_EXPIRY,
    Flag("sweep-interval", "duration", 60.0, "Time between two sweeps; 0 = none by the server", "Expiry"),
    Flag(
        "network-timeout",
        "duration",
        60.0,
        "Longest silence of a client: for headers, within a body, between requests",
        "Time-outs",
    ),
    Flag(
        "shutdown-timeout", "duration", 10.0, "Time for running requests after SIGTERM or SIGINT", "Time-outs"
    ),
    Flag("acquire-lock-timeout", "duration", 20.0, "Wait for another request to let go", "Time-outs"),
    Flag("verbose", "bool", False, "Log every request", "Logging"),
    Flag("log-format", "string", "text", "text or json", "Logging"),
    Flag("version", "bool", False, "Print the version and end", "Logging"),
)
SWEEP_FLAGS: Final = (
    Flag("dry-run", "bool", False, "Only say what would be done", "Sweep"),
    *_STORAGE,
    *_EXPIRY,
)


def config_of(line: CommandLine) -> Config:
    """Return the application's settings. Raises ValueError, in words for the user."""
    wanted: dict[str, Any] = {
        field: _VALUES.get(name, _same)(line.values[name])
        for name, field in _FIELDS.items()
        if name in line.values
    }
    return Config(**wanted)


def _same(value: object) -> object:
    return value


def _octal(value: object) -> int:
    try:
        mode = int(str(value), 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o7777:
        raise ValueError(f"permissions must be octal digits such as 664, got {value!r}")
    return mode


def _limit(value: object) -> int | None:
    size = cast(int, value)
    return size if size > 0 else None


#: Flag to field of Config.
_FIELDS: Final = {
    "upload-dir": "upload_dir",
    "dir-perms": "dir_mode",
    "file-perms": "file_mode",
    "durability": "durability",
    "expire-after": "expire_after_s",
    "expire-complete-after": "expire_complete_after_s",
    "tombstone-for": "tombstone_for_s",
    "sweep-interval": "sweep_interval_s",
    "base-path": "base_path",
    "behind-proxy": "behind_proxy",
    "max-size": "max_size",
    "max-metadata-size": "max_metadata_bytes",
    "max-partials": "max_partials",
    "disable-download": "disable_download",
    "disable-termination": "disable_termination",
    "disable-concatenation": "disable_concatenation",
    "disable-cors": "disable_cors",
    "cors-allow-origin": "cors_allow_origin",
    "cors-allow-credentials": "cors_allow_credentials",
    "cors-allow-methods": "cors_allow_methods",
    "cors-allow-headers": "cors_allow_headers",
    "cors-max-age": "cors_max_age_s",
    "cors-expose-headers": "cors_expose_headers",
    "acquire-lock-timeout": "acquire_lock_timeout_s",
    "api-prefix": "api_prefix",
    "disable-api": "disable_api",
    "list-anonymous": "list_anonymous",
    "max-chunks": "max_chunks",
    "max-chunk-size": "max_chunk_size",
    "advised-chunk-size": "advised_chunk_size",
    "preallocate": "preallocate",
    "min-free-bytes": "min_free_bytes",
    "content-range-total": "content_range_total",
    "on-chunk-conflict": "on_chunk_conflict",
    "commit-sync-bytes": "commit_sync_bytes",
    "commit-creates-artifact": "commit_creates_artifact",
    "duplicate-artifact": "duplicate_artifact",
    "chunk-idle-timeout": "chunk_idle_timeout_s",
    "pulp-compat": "pulp_compat",
}
_VALUES: Final[dict[str, Callable[[Any], Any]]] = {
    "upload-dir": Path,
    "dir-perms": _octal,
    "file-perms": _octal,
    "max-size": _limit,
    "max-chunk-size": _limit,
    "durability": lambda value: cast(Durability, value),
}


def server_settings_of(line: CommandLine, on_listening: Callable[[str], None]) -> ServerSettings:
    """Return the server's settings. Raises ValueError, in words for the user."""
    return ServerSettings(
        host=line.get("host", str),
        port=line.get("port", int),
        unix_socket=line.get("unix-sock", str) or None,
        network_timeout_s=line.get("network-timeout", float),
        shutdown_timeout_s=line.get("shutdown-timeout", float),
        workers=line.get("workers", int),
        max_head_bytes=line.get("max-header-size", int),
        access_log=line.get("verbose", bool),
        error_headers=[(b"tus-resumable", VERSION.encode()), (b"x-content-type-options", b"nosniff")],
        on_listening=on_listening,
    )


def log_format(line: CommandLine) -> Literal["text", "json"]:
    """Return the form of the log; as in tusd, any other word means text."""
    return "json" if line.get("log-format", str) == "json" else "text"
