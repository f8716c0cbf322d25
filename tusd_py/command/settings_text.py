"""Settings as text: for ``-check``, and for the table of docs/settings.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from tusd_py.command.go_flags import CommandLine, Flag
from tusd_py.command.go_values import format_duration
from tusd_py.command.settings_flags import ONCE, SERVE_FLAGS, SETTINGS, value_of
from tusd_py.settings import Config, Declared, declared

#: The parts of a URL that may be secret: user and password, and the query.
_SECRETS: Final = re.compile(r"(?<=://)[^/\s]*(?=@)|(?<=\?)\S+")


def effective(line: CommandLine, *made: object) -> Iterator[str]:
    """Yield the settings as lines of TOML, each with the source of its value. Secrets in URLs are masked.

    ``made`` are all settings objects that were made from ``line``.
    """
    fields = {
        each.field: getattr(settings, each.field) for settings in made for each in declared(type(settings))
    }
    for each, flag in zip(SETTINGS, SERVE_FLAGS, strict=True):
        if flag.name in ONCE or flag.name == "config":
            continue
        value, source = fields[each.field], line.sources.get(flag.name, "default")
        if value != value_of(each, line.values[flag.name]):
            source += ", changed by another setting"
        yield f"{flag.name} = {_toml(flag, value)}  # {source}"


def without_secrets(text: str) -> str:
    """Return text in which the user and the query of URLs are masked."""
    return _SECRETS.sub("***", text)


def _toml(flag: Flag, value: Any) -> str:
    text = without_secrets(_text(flag, value))
    return text if flag.kind in ("int", "bool") else json.dumps(text, ensure_ascii=False)


def _text(flag: Flag, value: Any) -> str:
    """Return a value as it is written on the command line."""
    match flag.kind:
        case "duration":
            return format_duration(value)
        case "octal":
            return f"{value:o}"
        case "bool":
            return str(value).lower()
        case "int":
            return str(value or 0)
        case "string":
            return str(value or "")


def settings_table() -> str:
    """Return the table of docs/settings.md, in Markdown."""
    rows = ["| flag | `Config` | default | meaning |", "|---|---|---|---|"]
    own = {each.field for each in declared(Config)}
    for each, flag in zip(SETTINGS, SERVE_FLAGS, strict=True):
        name = f" `{each.field}` |" if each.field in own else " |"
        rows.append(f"| `-{flag.name}` |{name} {_default(each, flag)} | {_meaning(each)} |")
    return "\n".join(rows) + "\n"


def _default(each: Declared, flag: Flag) -> str:
    if each.default is None and flag.kind == "int":
        return "0 (None)"
    text = _text(flag, flag.default)
    return text if flag.kind == "bool" or not text else f"`{text}`"


def _meaning(each: Declared) -> str:
    if each.setting.refused:
        return f"{each.setting.doc}. Refused: {each.setting.refused}"
    if each.setting.no_effect:
        return f"{each.setting.doc}. No effect: {each.setting.no_effect}"
    return each.setting.doc
