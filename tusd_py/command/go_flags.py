"""Parses command lines as Go's ``flag`` package does, for any list of flags.

The command replaces a Go program, so scripts, unit files and container arguments written
for that program must mean the same here:

* ``-x v``, ``--x v``, ``-x=v`` and ``--x=v`` are equal, and the last of several wins;
* a boolean takes its value only after ``=``, since ``-x false`` would be a flag and a word;
* flags end at ``--`` or at the first word that is not a flag; the rest is returned.

Added are the duration unit ``d`` (24 hours), and flags that take one of a few words.
"""

import difflib
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar, assert_never

from tusd_py.command.go_values import (
    EXPECTED,
    Kind,
    format_duration,
    parse_bool,
    parse_duration,
    parse_int,
    parse_octal,
    quoted,
)

Value: TypeAlias = str | int | bool | float
_T = TypeVar("_T", str, int, bool, float)

_TYPES: Final[Mapping[Kind, type]] = {
    "string": str,
    "int": int,
    "octal": int,
    "bool": bool,
    "duration": float,
}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_WIDTH: Final = 100
# Names of flags are not broken at their hyphens, so that a search finds them.
_HELP: Final = textwrap.TextWrapper(
    _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False
)


class FlagError(Exception):
    """The command line is invalid; the message is one printable line for the user."""


class HelpRequested(Exception):
    """``-h`` or ``-help`` was given: print ``usage`` and exit with status 0."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag that the program knows.

    ``default`` has the type that ``kind`` says: ``str``, ``int`` (64 bits, or the bits of permissions),
    ``bool``, or for a duration ``float`` seconds. ``group`` is the heading under which ``usage`` shows it.
    With ``words`` a string must be one of them.

    Raises:
        ValueError: The name is not 1 to 64 of a-z, 0-9 and "-", or the default has another type.
    """

    name: str
    kind: Kind
    default: Value
    help: str
    group: str
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"not a flag name: {self.name!r}")
        # type() and not isinstance(): True would pass for an int.
        if type(self.default) is not _TYPES[self.kind]:
            raise ValueError(f"flag -{self.name}: default {self.default!r} is not of kind {self.kind}")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A parsed command line.

    ``values`` has every known flag, by name and without dashes; ``sources`` says where those come from that
    were given, in words for messages, to tell a default from the same value given on purpose.
    ``leftover`` are the words after the flags. A caller without positional words must refuse
    them or say so: every flag after a stray word is among them, unread.
    """

    values: Mapping[str, Value]
    sources: Mapping[str, str]
    leftover: tuple[str, ...]

    def get(self, name: str, kind: type[_T]) -> _T:
        """Return the value of a flag. Raises KeyError for an unknown flag, TypeError for another type."""
        value = self.values[name]
        if type(value) is not kind:
            raise TypeError(f"flag -{name} is a {type(value).__name__}, not a {kind.__name__}")
        return value


def parse(flags: Sequence[Flag], argv: Sequence[str]) -> CommandLine:
    """Parse ``argv`` (without the program's name).

    Raises:
        FlagError: An unknown flag, a missing value, or a value that the flag's kind does not allow.
        HelpRequested: ``-h`` or ``-help`` came before any error.
        ValueError: Two of ``flags`` have the same name.
    """
    known = {flag.name: flag for flag in flags}
    if len(known) != len(flags):
        raise ValueError("two flags have the same name")
    values = {flag.name: flag.default for flag in flags}
    sources: dict[str, str] = {}
    at = 0
    while at < len(argv) and len(argv[at]) > 1 and argv[at].startswith("-"):
        word = argv[at]
        at += 1
        if word == "--":
            break
        name, text = _split(word)
        flag = _find(known, name)
        if text is None and flag.kind == "bool":
            text = "true"
        elif text is None:
            # Whatever comes next is the value, even "-1" or a word that looks like a flag.
            if at == len(argv):
                raise FlagError(f"flag -{name}: the value is missing, expected {EXPECTED[flag.kind]}")
            text = argv[at]
            at += 1
        sources[name] = f"flag -{name}"
        try:
            values[name] = read(flag, text)
        except ValueError as problem:
            raise FlagError(f"{sources[name]}: {problem}") from None
    return CommandLine(values, sources, tuple(argv[at:]))


def _split(word: str) -> tuple[str, str | None]:
    """Split ``-name``, ``--name``, ``-name=value`` or ``--name=value`` into name and value."""
    body = word[2:] if word.startswith("--") else word[1:]
    if body[0] in "-=":
        raise FlagError(f"{quoted(word)} is not a flag, expected -name or -name=value")
    name, equals, text = body.partition("=")
    return name, text if equals else None


def _find(known: Mapping[str, Flag], name: str) -> Flag:
    if name in known:
        return known[name]
    if name in {"h", "help"}:
        raise HelpRequested
    close = closest(name, known)
    hint = f"did you mean -{close}?" if close else "-help lists the known ones"
    raise FlagError(f"unknown flag {quoted('-' + name)}, {hint}")


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that somebody may have meant."""
    return next(iter(difflib.get_close_matches(name[:64], known, n=1)), None)


def read(flag: Flag, text: str) -> Value:
    """Read the value of a flag. Raises ValueError, in words for the user and without the flag's name."""
    match flag.kind:
        case "string":
            if flag.words and text not in flag.words:
                raise ValueError(f"{quoted(text)} is not {', '.join(flag.words[:-1])} or {flag.words[-1]}")
            return text
        case "int":
            return parse_int(text)
        case "octal":
            return parse_octal(text)
        case "bool":
            return parse_bool(text)
        case "duration":
            return parse_duration(text)
        case _:
            assert_never(flag.kind)


def usage(flags: Sequence[Flag]) -> str:
    """List the flags with help and default, at most 100 columns wide, ending in a newline.

    Groups come in the order of their first flag, flags alphabetically inside a group.
    """
    groups: dict[str, list[Flag]] = {}
    for flag in flags:
        groups.setdefault(flag.group, []).append(flag)
    blocks = []
    for group, members in groups.items():
        lines = textwrap.wrap(f"{group} options:", _WIDTH)
        for flag in sorted(members, key=lambda member: member.name):
            form = "[=true|false]" if flag.kind == "bool" else f" {flag.kind}"
            lines.append(f"  -{flag.name}{form}")
            lines += _HELP.wrap(f"{flag.help} (default: {_shown(flag)})")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _shown(flag: Flag) -> str:
    if flag.kind == "octal":
        return f"{flag.default:o}"
    if isinstance(flag.default, float):
        return format_duration(flag.default)
    if isinstance(flag.default, str):
        return quoted(flag.default, limit=None) if flag.default else "none"
    return str(flag.default).lower()
