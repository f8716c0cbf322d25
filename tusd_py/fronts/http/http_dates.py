"""HTTP dates: reads all three forms, writes the preferred one.

Times are Unix seconds. The forms are those of RFC 9110, Date/Time Formats: IMF-fixdate
(``Sun, 06 Nov 1994 08:49:37 GMT``) and the obsolete RFC 850 and asctime forms, which a
recipient MUST still accept.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import lru_cache
from typing import Final

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_FIRST: Final = -62_135_596_800  # 1 January of the year 1
_LAST: Final = 253_402_300_799  # the last second of 9999

_MONTH: Final = rf"(?P<month>{'|'.join(_MONTHS)})"
_TIME: Final = r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
_DAY_NAME: Final = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY_NAME: Final = r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_FORMS: Final = (
    re.compile(rf"{_DAY_NAME}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(rf"{_LONG_DAY_NAME}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),
    re.compile(rf"{_DAY_NAME} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)


def parse_http_date(text: str, *, now: float) -> int | None:
    """Read an HTTP date and return Unix seconds; None if it is not one.

    The weekday must be valid but need not match the date. A leap second counts as the
    first second of the next minute.

    Args:
        text: The field value; case matters, and blanks are not trimmed.
        now: Unix seconds. Decides only the century of a two-digit year: one more than 50
            years ahead is read as the last past year with the same two digits.

    Spec: RFC 9110, Date/Time Formats.
    """
    found = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
    if found is None:
        return None
    month = _MONTHS.index(found["month"]) + 1
    day, hour, minute, second = (int(found[part]) for part in ("day", "hour", "minute", "second"))
    year = int(found["year"])
    if len(found["year"]) == len("94"):
        year = _full_year(year, (month, day, hour, minute, second), now)
    try:
        to_the_minute = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None
    # Added afterwards because datetime knows no second 60.
    return (to_the_minute - _EPOCH) // timedelta(seconds=1) + second


def _full_year(two_digits: int, rest: tuple[int, ...], now: float) -> int:
    """Return the latest year with these digits that is at most 50 years after ``now``."""
    # Clamped: some file systems have times outside the range of datetime.
    limit = _EPOCH + timedelta(seconds=math.floor(min(max(now, _FIRST), _LAST)))
    last = limit.year + 50
    year = last - (last - two_digits) % 100
    # Compared as tuples: 29 February may not exist 50 years later.
    latest = (last, limit.month, limit.day, limit.hour, limit.minute, limit.second)
    return year - 100 if (year, *rest) > latest else year


def format_http_date(at: float) -> str:
    """Write Unix seconds as IMF-fixdate; fractions of a second are cut off.

    Raises:
        ValueError: Outside the years 1 to 9999.

    Spec: RFC 9110, Date/Time Formats ("a sender MUST generate" this form).
    """
    try:
        return _imf_fixdate(math.floor(at))
    except (OverflowError, ValueError, OSError) as problem:
        raise ValueError(f"no HTTP date for {at!r} seconds") from problem


@lru_cache(maxsize=256)  # uploads that are made in the same second expire in the same one
def _imf_fixdate(second: int) -> str:
    return formatdate(second, usegmt=True)
