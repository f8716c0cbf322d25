"""Parses command lines as Go's ``flag`` package does, for any list of flags.

The command replaces a Go program, so scripts, unit files and container arguments written
for that program must mean the same here:

* ``-x v``, ``--x v``, ``-x=v`` and ``--x=v`` are equal, and the last of several wins;
* a boolean takes its value only after ``=``, since ``-x false`` would be a flag and a word;
* flags end at ``--`` or at the first word that is not a flag; the rest is returned.

The one addition is the duration unit ``d`` (24 hours).
"""

import difflib
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, TypeAlias, TypeVar, assert_never

Kind: TypeAlias = Literal["string", "int", "bool", "duration"]
Value: TypeAlias = str | int | bool | float
_T = TypeVar("_T", str, int, bool, float)

_TYPES: Final[Mapping[Kind, type]] = {"string": str, "int": int, "bool": bool, "duration": float}
_EXPECTED: Final[Mapping[Kind, str]] = {
    "string": "a text",
    "int": "a whole number",
    "bool": "true or false",
    "duration": "a duration such as 300ms, 1.5s or 1h30m",
}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_BOOLS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_WIDTH: Final = 100
# Names of flags are not broken at their hyphens, so that a search finds them.
_HELP: Final = textwrap.TextWrapper(
    _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False
)

_NS_PER_S: Final = 10**9
#: A Go int and a Go duration (in nanoseconds) both live in a signed 64-bit word.
_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1

_INT: Final = re.compile(
    r"([+-]?)(?:0[xX]((?:_?[0-9a-fA-F])+)|0[oO]?((?:_?[0-7])+)|0[bB]((?:_?[01])+)|(0|[1-9](?:_?[0-9])*))"
)
_BASES: Final = (16, 8, 2, 10)  # of the groups of _INT, in order

_UNITS_NS: Final[Mapping[str, int]] = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,  # micro sign
    "\u03bcs": 10**3,  # Greek mu; keyboards and editors produce both
    "ms": 10**6,
    "s": _NS_PER_S,
    "m": 60 * _NS_PER_S,
    "h": 3600 * _NS_PER_S,
    "d": 86400 * _NS_PER_S,
}
_PIECE: Final = re.compile(r"(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?(" + "|".join(_UNITS_NS) + ")")
#: Longer than any real duration; bounds the cost of absurd input.
_DURATION_CHARS: Final = 64


class FlagError(Exception):
    """The command line is invalid; the message is one printable line for the user."""


class HelpRequested(Exception):
    """``-h`` or ``-help`` was given: print ``usage`` and exit with status 0."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag that the program knows.

    ``default`` has the type of its ``kind``: ``str``, ``int`` (64 bits), ``bool``, or for a
    duration ``float`` seconds. ``group`` is the heading under which ``usage`` shows it.

    Raises:
        ValueError: The name is not 1 to 64 of a-z, 0-9 and "-", or the default has another type.
    """

    name: str
    kind: Kind
    default: Value
    help: str
    group: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"not a flag name: {self.name!r}")
        # type() and not isinstance(): True would pass for an int.
        if type(self.default) is not _TYPES[self.kind]:
            raise ValueError(f"flag -{self.name}: default {self.default!r} is not of kind {self.kind}")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A parsed command line.

    ``values`` has every known flag, by name without dashes. ``given`` has the names of those
    that were on the command line. ``leftover`` are the words after the flags. A program
    without positional arguments must refuse them: every flag after a stray word is among
    them, unread.
    """

    values: Mapping[str, Value]
    given: frozenset[str]
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
    given: set[str] = set()
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
                raise FlagError(f"flag -{name}: the value is missing, expected {_EXPECTED[flag.kind]}")
            text = argv[at]
            at += 1
        values[name] = read(flag, text)
        given.add(name)
    return CommandLine(values, frozenset(given), tuple(argv[at:]))


def _split(word: str) -> tuple[str, str | None]:
    """Split ``-name``, ``--name``, ``-name=value`` or ``--name=value`` into name and value."""
    body = word[2:] if word.startswith("--") else word[1:]
    if body[0] in "-=":
        raise FlagError(f"{_quoted(word)} is not a flag, expected -name or -name=value")
    name, equals, text = body.partition("=")
    return name, text if equals else None


def _find(known: Mapping[str, Flag], name: str) -> Flag:
    if name in known:
        return known[name]
    if name in {"h", "help"}:
        raise HelpRequested
    close = difflib.get_close_matches(name[:64], known, n=1)
    hint = f"did you mean -{close[0]}?" if close else "-help lists the known ones"
    raise FlagError(f"unknown flag {_quoted('-' + name)}, {hint}")


def read(flag: Flag, text: str) -> Value:
    """Read the value of a flag. Raises FlagError, in words for the user."""
    try:
        match flag.kind:
            case "string":
                return text
            case "int":
                return parse_int(text)
            case "bool":
                if text not in _BOOLS:
                    raise ValueError(f"{_quoted(text)} is not {_EXPECTED['bool']}")
                return _BOOLS[text]
            case "duration":
                return parse_duration(text)
            case _:
                assert_never(flag.kind)
    except ValueError as problem:
        raise FlagError(f"flag -{flag.name}: {problem}") from None


def parse_int(text: str) -> int:
    """Read a 64-bit integer in the syntax of Go source code.

    ``0x``, ``0o`` or a plain ``0``, and ``0b`` set the base; single underscores may stand
    between digits and after the prefix. So ``010`` is eight.

    Raises:
        ValueError: Anything else, or a number outside -2**63 to 2**63 - 1.
    """
    found = _INT.fullmatch(text)
    if found is None:
        raise ValueError(f"{_quoted(text)} is not {_EXPECTED['int']}")
    digits, base = next((d, b) for d, b in zip(found.groups()[1:], _BASES, strict=True) if d is not None)
    digits = digits.replace("_", "").lstrip("0") or "0"
    # int() refuses thousands of digits with a message that would not help the user.
    number = int(found[1] + digits, base) if len(digits) <= 64 else _HIGHEST + 1
    if not _LOWEST <= number <= _HIGHEST:
        raise ValueError(f"{_quoted(text)} is out of range, expected at most 64 bits")
    return number


def parse_duration(text: str) -> float:
    """Read a duration such as ``300ms``, ``-1.5h`` or ``1h30m`` and return seconds.

    The units are ns, us (or the micro sign), ms, s, m, h and d, in any order and repeatedly.
    Fractions of a nanosecond are cut off. ``0`` needs no unit.

    Raises:
        ValueError: No unit, an unknown one, no number, more than 64 characters, or not within
            2**63 nanoseconds (292 years).
    """
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in {"+", "-"} else text
    if rest == "0":
        return 0.0
    if not rest or len(text) > _DURATION_CHARS:
        raise ValueError(f"{_quoted(text)} is not {_EXPECTED['duration']}")
    total_ns = at = 0
    while at < len(rest):
        piece = _PIECE.match(rest, at)
        if piece is None:
            raise ValueError(f"{_quoted(text)} is not {_EXPECTED['duration']}")
        whole, fraction, unit = int(piece[1] or "0"), piece[2] or "", _UNITS_NS[piece[3]]
        total_ns += whole * unit + int(fraction or "0") * unit // 10 ** len(fraction)
        at = piece.end()
    if not _LOWEST <= sign * total_ns <= _HIGHEST:
        raise ValueError(f"{_quoted(text)} is out of range, expected at most 292 years")
    return sign * total_ns / _NS_PER_S


def format_duration(seconds: float) -> str:
    """Write finite ``seconds`` as ``parse_duration`` reads it: ``1h30m``, ``1.5s``, ``300ms``, ``0s``.

    Rounds to the nanosecond; days are written as hours, which every reader knows.
    """
    # A product of floats could be off by a nanosecond; a fraction is exact.
    left = round(Fraction(abs(seconds)) * _NS_PER_S)
    sign = "-" if seconds < 0 and left else ""
    if left < _NS_PER_S:
        unit = next((unit for unit in ("ms", "us", "ns") if left and left % _UNITS_NS[unit] == 0), "s")
        return f"{sign}{left // _UNITS_NS[unit]}{unit}"
    pieces = []
    for unit in ("h", "m"):
        count, left = divmod(left, _UNITS_NS[unit])
        pieces.append(f"{count}{unit}" if count else "")
    if left:
        pieces.append(f"{left // _NS_PER_S}.{left % _NS_PER_S:09}".rstrip("0").rstrip(".") + "s")
    return sign + "".join(pieces)


def usage(flags: Sequence[Flag]) -> str:
    """List the flags with help and default, at most 100 columns wide, ending in a newline.

    Groups come in the order of their first flag, flags alphabetically inside a group.
    """
    groups: dict[str, list[Flag]] = {}
    for flag in flags:
        groups.setdefault(flag.group, []).append(flag)
    blocks = []
    for group, members in groups.items():
        lines = textwrap.wrap(f"{group}:", _WIDTH)
        for flag in sorted(members, key=lambda member: member.name):
            form = "[=true|false]" if flag.kind == "bool" else f" {flag.kind}"
            lines.append(f"  -{flag.name}{form}")
            lines += _HELP.wrap(f"{flag.help} (default: {_shown(flag)})")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _shown(flag: Flag) -> str:
    if isinstance(flag.default, float):
        return format_duration(flag.default)
    if isinstance(flag.default, str):
        return _quoted(flag.default, limit=None) if flag.default else "none"
    return str(flag.default).lower()


def _quoted(text: str, limit: int | None = 60) -> str:
    """Quote a user's text as one printable line, cut after ``limit`` characters."""
    cut = text if limit is None or len(text) <= limit else text[:limit] + "..."
    plain = cut.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain) + '"'
