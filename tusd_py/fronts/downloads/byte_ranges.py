"""Which part of a download to send, and whether to send it: ``Range`` and the conditions.

All positions are bytes of the whole representation. No input is trusted: a malformed header
is ignored where RFC 9110 allows it, and then the whole representation is sent, which is
always correct.
"""

import math
import re
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Final

from tusd_py.errors.downloads import RangeNotSatisfiable
from tusd_py.fronts.http.http_dates import parse_http_date
from tusd_py.model.ranges import ByteRange

#: Clients ask for fewer. A header with more ranges is ignored, because it may be an attack.
MAX_RANGES: Final = 16

_SPEC: Final = re.compile(r"([0-9]*)-([0-9]*)")
_NUMBER_DIGITS: Final = 30
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z_-]{1,70}")
_LINE_ENDS: Final = re.compile(r"[\r\n\0]")
_NEXT_TAG: Final = re.compile(r'[ \t,]*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,[ \t,]*|\Z)')


def content_range(part: ByteRange, size: int) -> str:
    """Return the ``Content-Range`` value of a part of ``size`` bytes; there the end is inclusive."""
    return f"bytes {part.start}-{part.stop - 1}/{size}"


def parse_range(header: str | None, size: int) -> tuple[ByteRange, ...] | None:
    """Read ``Range`` for a representation of ``size`` bytes; None: send everything.

    None for an absent header, another unit, malformed text, more than 16 ranges, and an
    empty representation. Otherwise one or more ranges within ``size``, ascending, with gaps
    between them: ranges that overlap or touch are joined. (RFC 9110 says SHOULD for the
    order of the request; ascending order is easier on the disk.)

    Raises:
        RangeNotSatisfiable: Well-formed, but every range begins at the end or after it.

    Spec: RFC 9110, Range (a server MAY ignore it) and Byte Ranges.
    """
    unit, equals, text = (header or "").partition("=")
    if not equals or unit.lower() != "bytes" or size == 0:
        return None
    specs = [spec for part in text.split(",") if (spec := part.strip(" \t"))]
    if not 1 <= len(specs) <= MAX_RANGES:
        return None
    found: list[ByteRange] = []
    for spec in specs:
        bounds = _bounds(spec, size)
        if bounds is None:
            return None
        start, stop = bounds
        if start < min(stop, size):
            found.append(ByteRange(start, min(stop, size)))
    if not found:
        raise RangeNotSatisfiable(size=size)
    return _joined(found)


def _bounds(spec: str, size: int) -> tuple[int, int] | None:
    """Read ``0-9``, ``5-`` or ``-5`` as half-open bounds, unclipped at the end; None: malformed."""
    found = _SPEC.fullmatch(spec)
    if found is None or spec == "-":
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - _number(last)), size
    start = _number(first)
    stop = _number(last) + 1 if last else max(size, start + 1)
    return (start, stop) if start < stop else None


def _number(digits: str) -> int:
    """Read any number of ASCII digits; the value is exact up to 30 of them, far more than any file needs."""
    # int() raises on thousands of digits.
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= _NUMBER_DIGITS else int(10**_NUMBER_DIGITS)


def _joined(ranges: Sequence[ByteRange]) -> tuple[ByteRange, ...]:
    joined: list[ByteRange] = []
    for each in sorted(ranges):
        if joined and each.start <= joined[-1].stop:
            joined[-1] = ByteRange(joined[-1].start, max(joined[-1].stop, each.stop))
        else:
            joined.append(each)
    return tuple(joined)


def multipart(
    ranges: Sequence[ByteRange], size: int, content_type: str, boundary: str
) -> list[bytes | ByteRange]:
    """Lay out the content of ``multipart/byteranges`` for ranges of a representation of ``size`` bytes.

    ``boundary`` must not occur in the representation; a long random one will not.

    Raises:
        ValueError: No range, a boundary that is not 1 to 70 of ``A-Za-z0-9_-``, or a
            content type that would end its header line or is not Latin-1.

    Spec: RFC 9110, Media Type multipart/byteranges; RFC 2046, Multipart Media Type.
    """
    if not ranges or not _BOUNDARY.fullmatch(boundary) or _LINE_ENDS.search(content_type):
        raise ValueError(f"cannot lay out {len(ranges)} ranges of {content_type!r} with {boundary!r}")
    pieces: list[bytes | ByteRange] = []
    for each in ranges:
        # The line end before a delimiter belongs to it, and nothing precedes the first.
        start = "\r\n--" if pieces else "--"
        head = (
            f"{start}{boundary}\r\n"
            f"Content-Type: {content_type}\r\n"
            f"Content-Range: {content_range(each, size)}\r\n\r\n"
        )
        pieces += [head.encode("latin-1"), each]
    return [*pieces, f"\r\n--{boundary}--\r\n".encode("ascii")]


class Outcome(Enum):
    """What the conditions of a request say."""

    PROCEED = auto()
    NOT_MODIFIED = auto()  # 304
    PRECONDITION_FAILED = auto()  # 412


def evaluate(method: str, headers: Mapping[str, str], etag: str, modified_at: float) -> Outcome:
    """Evaluate the four conditional headers against an existing representation.

    Args:
        method: GET and HEAD can be NOT_MODIFIED; every other method is PRECONDITION_FAILED instead.
        headers: By lower-case name; several lines of one name joined by commas.
        etag: Current entity tag with its quotes, ``W/`` before a weak one; empty: none.
        modified_at: Time of the last change, Unix seconds; the fraction is cut off, as in
            ``Last-Modified``.

    An invalid date is ignored. A malformed list of tags matches no tag, so ``If-Match`` fails and
    ``If-None-Match`` passes; both are safe.

    Spec: RFC 9110, Precedence of Preconditions.
    """
    if_match, if_none_match = headers.get("if-match"), headers.get("if-none-match")
    unmodified_since, modified_since = headers.get("if-unmodified-since"), headers.get("if-modified-since")
    if if_match is not None:
        if not _lists(if_match, etag, weakly=False):
            return Outcome.PRECONDITION_FAILED
    elif unmodified_since is not None and _changed_since(unmodified_since, modified_at) is True:
        return Outcome.PRECONDITION_FAILED
    safe = method in {"GET", "HEAD"}
    if if_none_match is not None:
        if _lists(if_none_match, etag, weakly=True):
            return Outcome.NOT_MODIFIED if safe else Outcome.PRECONDITION_FAILED
    elif safe and modified_since is not None and _changed_since(modified_since, modified_at) is False:
        return Outcome.NOT_MODIFIED
    return Outcome.PROCEED


def range_applies(if_range: str | None, etag: str, modified_at: float) -> bool:
    """Tell whether ``Range`` may be honoured under this ``If-Range``; False: send everything.

    A tag must match strongly; a date must be the very second of ``modified_at`` (Unix
    seconds). A date cannot tell two changes within one second apart, so a representation
    that may still change should be served with an entity tag.

    Spec: RFC 9110, If-Range.
    """
    if if_range is None:
        return True
    if '"' in if_range:  # no date has one
        return _same(if_range, etag, weakly=False)
    return parse_http_date(if_range, now=modified_at) == math.floor(modified_at)


def _changed_since(date: str, modified_at: float) -> bool | None:
    """Compare to the second; None: not a date."""
    # The current time only decides the century of a two-digit year; that of the change does as well.
    since = parse_http_date(date, now=modified_at)
    return None if since is None else math.floor(modified_at) > since


def _lists(field: str, etag: str, *, weakly: bool) -> bool:
    """Tell whether a list of tags, or ``*``, includes the tag of the representation."""
    if field.strip(" \t") == "*":
        return True
    return any(_same(listed, etag, weakly=weakly) for listed in _tags(field))


def _tags(field: str) -> list[str]:
    """Split a list of entity tags; empty if malformed. A tag may itself contain commas."""
    tags: list[str] = []
    at = 0
    while at < len(field):
        found = _NEXT_TAG.match(field, at)
        if found is None:
            return []
        tags.append(found[1])
        at = found.end()
    return tags


def _same(one: str, other: str, *, weakly: bool) -> bool:
    """Compare tags (RFC 9110, Comparison of Entity Tags): strongly, a weak one equals nothing."""
    if weakly:
        return one.removeprefix("W/") == other.removeprefix("W/")
    return one == other and not one.startswith("W/")
