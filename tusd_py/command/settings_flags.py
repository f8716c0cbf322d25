"""The command's flags, as the settings declare them, and back to settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from tusd_py.command.go_flags import CommandLine, Flag, Value
from tusd_py.command.go_values import Kind
from tusd_py.fronts.tus.grammar import VERSION
from tusd_py.http1.run import ServerSettings
from tusd_py.settings import BadSetting, Config, Declared, HookSettings, TusdSettings, declared, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSettings:
    """Settings of the command alone."""

    config: str = setting(
        "",
        flag="config",
        group="Settings",
        help="File in TOML with settings; flags and environment variables win over it",
    )
    check: bool = setting(
        False,
        flag="check",
        group="Settings",
        help="Print the settings and where each comes from, without serving",
        doc="check the settings, print them and where each comes from (secrets masked), and end: status 0 if they can "
        "be used. What is printed can be used as a file for `-config`",
    )
    expose_metrics: bool = setting(
        True,
        flag="expose-metrics",
        group="Monitoring, profiling, logging",
        help="Serve metrics for Prometheus",
    )
    metrics_path: str = setting(
        "/metrics",
        flag="metrics-path",
        group="Monitoring, profiling, logging",
        help="Path of the metrics",
    )
    log_format: str = setting(
        "text",
        flag="log-format",
        group="Monitoring, profiling, logging",
        help="text or json",
        doc="`text` or `json`, on stdout; any other word means `text`",
    )
    verbose: bool = setting(
        True,
        flag="verbose",
        group="Monitoring, profiling, logging",
        help="Log requests and their answers, not only what became of uploads",
        doc="log requests and their answers, not only what became of uploads; costs a quarter of the speed with "
        "small uploads",
    )
    show_startup_logs: bool = setting(
        True,
        flag="show-startup-logs",
        group="Monitoring, profiling, logging",
        help="Say at the start what is used",
    )
    version: bool = setting(
        False,
        flag="version",
        group="Monitoring, profiling, logging",
        help="Print the version and end",
    )


#: Headings of ``-help`` in their order: tusd's, with ours between them.
_GROUPS: Final = (
    "Settings",
    "Listening",
    "TLS",
    "Upload protocol",
    "Parallel chunks",
    "CORS",
    "File storage",
    "Expiry",
    "Sweep by the server",
    "AWS S3 storage",
    "Google Cloud Storage",
    "Azure Storage",
    "General hook",
    "File hook",
    "HTTP hook",
    "gRPC hook",
    "Plugin hook",
    "Monitoring, profiling, logging",
    "Timeout",
)
SETTINGS: Final = sorted(
    (
        each
        for kind in (ServerSettings, Config, HookSettings, TusdSettings, CommandSettings)
        for each in declared(kind)
    ),
    key=lambda each: _GROUPS.index(each.setting.group),
)
_KINDS: Final[dict[object, Kind]] = {
    bool: "bool",
    int: "int",
    int | None: "int",
    float: "duration",
    str: "string",
    str | None: "string",
    Path: "string",
}


def _flag(each: Declared) -> Flag:
    kind: Kind = "string" if each.words else "octal" if each.setting.is_octal else _KINDS[each.type]
    default = each.default if each.setting.flag_default is None else each.setting.flag_default
    if default is None:
        default = 0 if kind == "int" else ""
    return Flag(each.setting.flag, kind, default, each.setting.help, each.setting.group, each.words)


SERVE_FLAGS: Final = tuple(map(_flag, SETTINGS))
SWEEP_FLAGS: Final = (
    Flag("dry-run", "bool", False, "Only say what would be done", "Sweep"),
    *(flag for flag in SERVE_FLAGS if flag.group in ("File storage", "Expiry") or flag.name == "config"),
)
#: What is said once, not kept: neither the environment nor a file can ask for it.
ONCE: Final = frozenset({"version", "dry-run", "check"})


def value_of(each: Declared, value: Value) -> Any:
    """Return a flag's value as the field has it."""
    if each.type is Path:
        return Path(str(value))
    if each.setting.needs_positive and isinstance(value, float) and value <= 0:
        return each.default
    if each.default is None and isinstance(value, int) and value <= 0:
        return None  # no limit
    return (value or None) if each.type == str | None else value


def _fields(settings: type[Any], line: CommandLine) -> dict[str, Any]:
    return {
        each.field: value_of(each, line.values[each.setting.flag])
        for each in declared(settings)
        if each.setting.flag in line.values
    }


def config_of(line: CommandLine) -> Config:
    """Return the application's settings. Raises BadSetting."""
    return Config(**_fields(Config, line), hooks=HookSettings(**_fields(HookSettings, line)))


def server_settings_of(line: CommandLine) -> ServerSettings:
    """Return the server's settings. Raises BadSetting."""
    return ServerSettings(
        **_fields(ServerSettings, line),
        error_headers=[(b"tus-resumable", VERSION.encode()), (b"x-content-type-options", b"nosniff")],
    )


def command_settings_of(line: CommandLine) -> CommandSettings:
    """Return the command's own settings."""
    return CommandSettings(**_fields(CommandSettings, line))


def tusd_settings_of(line: CommandLine) -> TusdSettings:
    """Return tusd's settings that we do not have. Raises BadSetting when one asks for what is not offered."""
    settings = TusdSettings(**_fields(TusdSettings, line))
    for each in declared(TusdSettings):
        if each.setting.refused and getattr(settings, each.field) != each.default:
            raise BadSetting(each.field, each.setting.refused)
    return settings


def without_effect(line: CommandLine) -> Iterator[str]:
    """Yield a line for each setting that was changed and changes nothing."""
    for each in SETTINGS:
        flag = each.setting.flag
        if each.setting.no_effect and flag in line.sources and line.values[flag] != each.default:
            yield f"{line.sources[flag]}: has no effect: {each.setting.no_effect}"


def source_of(field: str, line: CommandLine) -> str | None:
    """Return where a field's value comes from; None: it is the default."""
    return next((line.sources.get(each.setting.flag) for each in SETTINGS if each.field == field), None)


def log_format(line: CommandLine) -> Literal["text", "json"]:
    """Return the format of the log; as in tusd, any word but json means text."""
    return "json" if line.get("log-format", str) == "json" else "text"
