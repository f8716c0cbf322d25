"""Values that the command line does not give: from the environment, then from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from tusd_py.command.go_flags import (
    CommandLine,
    Flag,
    FlagError,
    Value,
    closest,
    read,
)
from tusd_py.command.go_values import EXPECTED, quoted


def variable(flag: str) -> str:
    """Return the name of the environment variable that sets a flag."""
    return f"TUSD_PY_{flag.upper().replace('-', '_')}"


def with_environment(line: CommandLine, known: Sequence[Flag], environment: Mapping[str, str]) -> CommandLine:
    """Return a command line in which the environment sets the flags that the command line does not.

    Raises:
        FlagError: A variable has a value that its flag does not allow.
    """
    given: dict[str, tuple[str, Value]] = {}
    for flag in known:
        name = variable(flag.name)
        if flag.name not in line.sources and name in environment:
            source = f"environment variable {name}"
            given[flag.name] = source, _read(flag, environment[name], source)
    return _with(line, given)


def with_file(line: CommandLine, known: Sequence[Flag], file: str) -> CommandLine:
    """Return ``line`` in which a file sets the flags that ``line`` does not; the file's keys are flag names.

    ``known`` may have more flags than the line: the file may be for other commands as well.

    Raises:
        FlagError: The file cannot be read, or has an unknown key or a value that its flag does not allow.
    """
    flags = {flag.name: flag for flag in known}
    given: dict[str, tuple[str, Value]] = {}
    for key, value in _table(file).items():
        if key not in flags:
            close = closest(key, flags)
            hint = f", did you mean {close}?" if close else ""
            raise FlagError(f"{file}: unknown key {quoted(key)}{hint}")
        source = f"{file}: {key}"
        text = _text(flags[key], value, source)
        found = _read(flags[key], text, source)
        if key in line.values and key not in line.sources:
            given[key] = source, found
    return _with(line, given)


def _table(file: str) -> dict[str, Any]:
    try:
        with open(file, "rb") as opened:
            return tomllib.load(opened)
    except OSError as error:
        raise FlagError(f"{file}: {error.strerror}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise FlagError(f"{file}: {' '.join(str(error).split())}") from None


def _text(flag: Flag, value: object, source: str) -> str:
    """Return a value of TOML as it is written on the command line."""
    if isinstance(value, bool) and flag.kind == "bool":
        return str(value).lower()
    if isinstance(value, int) and not isinstance(value, bool) and flag.kind in ("int", "duration"):
        return str(value)
    if isinstance(value, str):
        return value
    raise FlagError(f"{source}: {quoted(str(value))} is not {EXPECTED[flag.kind]}")


def _read(flag: Flag, text: str, source: str) -> Value:
    try:
        return read(flag, text)
    except ValueError as problem:
        raise FlagError(f"{source}: {problem}") from None


def _with(line: CommandLine, given: Mapping[str, tuple[str, Value]]) -> CommandLine:
    values = {**line.values, **{name: value for name, (_, value) in given.items()}}
    sources = {**line.sources, **{name: source for name, (source, _) in given.items()}}
    return CommandLine(values, sources, line.leftover)
