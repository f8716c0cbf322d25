"""Flags and environment variables from the declared settings, and settings from their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from tusd_py.command.go_flags import CommandLine, Flag, FlagError, Kind, Value, format_duration, read
from tusd_py.fronts.tus.grammar import VERSION
from tusd_py.http1.run import ServerSettings
from tusd_py.settings import Config, Declared, declared, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSettings:
    """Settings of the command alone."""

    log_format: Literal["text", "json"] = setting(
        "text", flag="log-format", group="Logging", help="text or json", doc="`text` or `json`, on stderr"
    )
    version: bool = setting(False, flag="version", group="Logging", help="Print the version and exit")


SETTINGS: Final = (*declared(ServerSettings), *declared(Config), *declared(CommandSettings))
_KINDS: Final[Mapping[object, Kind]] = {
    bool: "bool",
    int: "int",
    int | None: "int",
    float: "duration",
    str: "string",
    str | None: "string",
    Path: "string",
}


def _flag(each: Declared) -> Flag:
    kind: Kind = "string" if each.words or each.setting.is_octal else _KINDS[each.type]
    default: Value = each.default
    if each.setting.flag_default is not None:
        default = each.setting.flag_default
    elif each.setting.is_octal:
        default = f"{each.default:o}"
    elif each.default is None:
        default = 0 if kind == "int" else ""
    return Flag(each.setting.flag, kind, default, each.setting.help, each.setting.group)


SERVE_FLAGS: Final = tuple(map(_flag, SETTINGS))
SWEEP_FLAGS: Final = (
    Flag("dry-run", "bool", False, "Only say what would be done", "Sweep"),
    *(flag for flag in SERVE_FLAGS if flag.group in ("File storage", "Expiry")),
)


def variable(flag: str) -> str:
    """Return the name of the environment variable that sets a flag."""
    return f"TUSD_PY_{flag.upper().replace('-', '_')}"


def with_environment(line: CommandLine, known: Sequence[Flag], environment: Mapping[str, str]) -> CommandLine:
    """Return a command line in which the environment sets the flags that the command line does not.

    Raises:
        FlagError: A variable has a value that its flag does not allow.
    """
    values = dict(line.values)
    for flag in known:
        name = variable(flag.name)
        if flag.name in line.given or name not in environment or flag.name in ("version", "dry-run"):
            continue
        try:
            values[flag.name] = read(flag, environment[name])
        except FlagError as error:
            raise FlagError(f"environment variable {name}: {error}") from None
    return CommandLine(values, line.given, line.leftover)


def _value(each: Declared, value: Value) -> Any:
    """Return the value of the field that a flag sets. Raises ValueError with a message for the user."""
    if each.setting.is_octal:
        return _octal(str(value))
    if each.type is Path:
        return Path(str(value))
    if each.default is None and not (isinstance(value, int) and value > 0) and not isinstance(value, str):
        return None  # no limit
    return (value or None) if each.type == str | None else value


def _octal(text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o7777:
        raise ValueError(f"permissions must be octal digits such as 664, got {text!r}")
    return mode


def _fields(settings: type[Any], line: CommandLine) -> dict[str, Any]:
    return {
        each.field: _value(each, line.values[each.setting.flag])
        for each in declared(settings)
        if each.setting.flag in line.values
    }


def config_of(line: CommandLine) -> Config:
    """Return the application's settings. Raises ValueError with a message for the user."""
    return Config(**_fields(Config, line))


def server_settings_of(line: CommandLine, on_listening: Callable[[str], None]) -> ServerSettings:
    """Return the server's settings. Raises ValueError with a message for the user."""
    return ServerSettings(
        **_fields(ServerSettings, line),
        error_headers=[(b"tus-resumable", VERSION.encode()), (b"x-content-type-options", b"nosniff")],
        on_listening=on_listening,
    )


def log_format(line: CommandLine) -> Literal["text", "json"]:
    """Return the format of the log; as in tusd, any word but json means text."""
    return "json" if line.get("log-format", str) == "json" else "text"


def settings_table() -> str:
    """Return the table of docs/settings.md, in Markdown."""
    rows = ["| flag | `Config` | default | meaning |", "|---|---|---|---|"]
    own = {each.field for each in declared(Config)}
    for each, flag in zip(SETTINGS, SERVE_FLAGS, strict=True):
        name = f" `{each.field}` |" if each.field in own else " |"
        rows.append(f"| `-{flag.name}` |{name} {_shown(each, flag)} | {each.setting.doc} |")
    return "\n".join(rows) + "\n"


def _shown(each: Declared, flag: Flag) -> str:
    if each.default is None and flag.kind == "int":
        return "0 (None)"
    if flag.kind == "bool":
        return str(flag.default).lower()
    default = format_duration(float(flag.default)) if flag.kind == "duration" else str(flag.default)
    return f"`{default}`" if default else ""
