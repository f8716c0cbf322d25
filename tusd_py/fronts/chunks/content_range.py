"""``Content-Range`` of a request: the place of a chunk (RFC 9110, Partial PUT; Pulp uses it in this way)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tusd_py.errors.chunks import InvalidContentRange
from tusd_py.fronts.http.headers import quote
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import MAX_LENGTH

_FORM: Final = re.compile(
    r"\s*bytes\s+([0-9]{1,19})\s*-\s*([0-9]{1,19})\s*/\s*([0-9]{1,19}|\*)\s*", re.I | re.A
)


def parse_content_range(values: Sequence[str], *, size: int | None) -> tuple[ByteRange, int | None]:
    """Read ``bytes first-last/total``; both ends are inclusive, the total may be ``*``.

    Args:
        values: Every line of the header; exactly one is expected.
        size: Of the upload, in bytes, for the refusal.

    Returns:
        The range, and the total (None for ``*``).

    Raises:
        InvalidContentRange: Missing, sent twice, another unit, several ranges, signs, or last below first.
    """
    if len(values) != 1:
        problem = "is required: bytes first-last/total" if not values else "came more than once"
        raise InvalidContentRange(f"Content-Range {problem}", size=size)
    found = _FORM.fullmatch(values[0])
    if found is None:
        raise InvalidContentRange(
            f"Content-Range must be 'bytes first-last/total', got {quote(values[0])}", size=size
        )
    first, last = int(found[1]), int(found[2])
    if first > last:
        raise InvalidContentRange(f"Content-Range ends at {last}, before its start at {first}", size=size)
    if last > MAX_LENGTH - 1:
        raise InvalidContentRange(f"Content-Range must end below {MAX_LENGTH}", size=size)
    return ByteRange(first, last + 1), None if found[3] == "*" else int(found[3])
