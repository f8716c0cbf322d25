"""Reads values as Go's ``flag`` package does: whole numbers, durations, booleans, octal digits."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["string", "int", "octal", "bool", "duration"]

#: The kinds of values, in words for error messages.
EXPECTED: Final[Mapping[Kind, str]] = {
    "string": "a text",
    "int": "a whole number",
    "octal": "permissions in octal digits such as 664",
    "bool": "true or false",
    "duration": "a duration such as 300ms, 1.5s or 1h30m",
}
_BOOLS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_OCTAL: Final = re.compile(r"0*([0-7]{1,4})")  # permissions, with the set-id and sticky bits

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


def parse_bool(text: str) -> bool:
    """Read one of Go's words for true and false. Raises ValueError for any other."""
    if text not in _BOOLS:
        raise ValueError(f"{quoted(text)} is not {EXPECTED['bool']}")
    return _BOOLS[text]


def parse_octal(text: str) -> int:
    """Read permissions of up to 12 bits. Raises ValueError for anything but octal digits."""
    found = _OCTAL.fullmatch(text)
    if found is None:
        raise ValueError(f"{quoted(text)} is not {EXPECTED['octal']}")
    return int(found[1], 8)


def parse_int(text: str) -> int:
    """Read a 64-bit integer in the syntax of Go source code.

    ``0x``, ``0o`` or a plain ``0``, and ``0b`` set the base; single underscores may stand
    between digits and after the prefix. So ``010`` is eight.

    Raises:
        ValueError: Anything else, or a number outside -2**63 to 2**63 - 1.
    """
    found = _INT.fullmatch(text)
    if found is None:
        raise ValueError(f"{quoted(text)} is not {EXPECTED['int']}")
    digits, base = next((d, b) for d, b in zip(found.groups()[1:], _BASES, strict=True) if d is not None)
    digits = digits.replace("_", "").lstrip("0") or "0"
    # int() refuses thousands of digits with a message that would not help the user.
    number = int(found[1] + digits, base) if len(digits) <= 64 else _HIGHEST + 1
    if not _LOWEST <= number <= _HIGHEST:
        raise ValueError(f"{quoted(text)} is out of range, expected at most 64 bits")
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
        raise ValueError(f"{quoted(text)} is not {EXPECTED['duration']}")
    total_ns = at = 0
    while at < len(rest):
        piece = _PIECE.match(rest, at)
        if piece is None:
            raise ValueError(f"{quoted(text)} is not {EXPECTED['duration']}")
        whole, fraction, unit = int(piece[1] or "0"), piece[2] or "", _UNITS_NS[piece[3]]
        total_ns += whole * unit + int(fraction or "0") * unit // 10 ** len(fraction)
        at = piece.end()
    if not _LOWEST <= sign * total_ns <= _HIGHEST:
        raise ValueError(f"{quoted(text)} is out of range, expected at most 292 years")
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


def quoted(text: str, limit: int | None = 60) -> str:
    """Quote a user's text as one printable line, cut after ``limit`` characters."""
    cut = text if limit is None or len(text) <= limit else text[:limit] + "..."
    plain = cut.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain) + '"'
