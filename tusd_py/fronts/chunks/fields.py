"""Small request bodies as fields: JSON, urlencoded or multipart, as HTTP tools and browsers send them."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from tusd_py.errors.requests import BodyTooLarge, InvalidBody, InvalidField, UnsupportedBodyType
from tusd_py.model.upload import MAX_LENGTH, METADATA_KEY
from tusd_py.transfer.multipart import FIELDS_BYTES, MultipartBody, boundary_of

#: Characters that separate the values of a JSON text, and how many of them are accepted. A text of 64 KiB can
#: have four times as many, and parsing them takes a hundred times as long as one long string.
_MARKS: Final = b",:[{"
_MOST_MARKS: Final = 16 << 10
#: What one item of a list of parts may add: bytes (with blanks and unknown fields), and separators.
_PART_BYTES: Final = 256
_PART_MARKS: Final = 10
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


async def read_fields(request: Request, *, parts: int = 0) -> dict[str, Any]:
    """Read the fields of a body; an empty one has none.

    Args:
        parts: Items that a list in a JSON object may have, beyond what fits into 64 KiB.

    Raises:
        BodyTooLarge: More than 64 KiB and the allowance for ``parts`` items; reads as little as possible.
        InvalidBody: Malformed, incomplete, JSON that is not an object, or JSON with too many values.
        UnsupportedBodyType: Neither JSON nor a form.
    """
    content_type = request.headers.get("content-type", "")
    boundary = boundary_of(content_type)
    if boundary is not None:
        _check_announced(request, FIELDS_BYTES)
        return dict(
            await MultipartBody(request.scope, request.receive, boundary, file_field=None).read_fields()
        )
    data = await _read(request, FIELDS_BYTES + parts * _PART_BYTES)
    if not data.strip():
        return {}
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        if len(data) > FIELDS_BYTES:
            raise BodyTooLarge(limit=FIELDS_BYTES)
        try:
            return dict(parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=100))
        except ValueError:
            raise InvalidBody("the form is malformed") from None
    if kind == "application/json" or kind.endswith("+json"):
        most = _MOST_MARKS + parts * _PART_MARKS
        if len(data) <= FIELDS_BYTES:
            return _from_json(data, most)
        return await run_in_threadpool(_from_json, data, most)
    raise UnsupportedBodyType("application/json, application/x-www-form-urlencoded or multipart/form-data")


def _check_announced(request: Request, most: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 19 or int(announced) > most):
        raise BodyTooLarge(limit=most)


async def _read(request: Request, most: int) -> bytes:
    _check_announced(request, most)
    blocks: list[bytes] = []
    size = 0
    try:
        async for block in request.stream():
            size += len(block)
            if size > most:
                raise BodyTooLarge(limit=most)
            blocks.append(block)
    except ClientDisconnect:
        raise InvalidBody("the body ended early") from None
    return b"".join(blocks)


def _from_json(data: bytes, most_marks: int) -> dict[str, Any]:
    if sum(data.count(mark) for mark in _MARKS) > most_marks:
        raise InvalidBody("the JSON has too many values")
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidBody("the body is no JSON") from None
    if not isinstance(fields, dict):
        raise InvalidBody("the body must be a JSON object")
    return fields


def parse_size(value: object, name: str = "size") -> int:
    """Read a number of bytes: a JSON integer, or its decimal digits as text (as HTTP tools send it).

    Raises InvalidField.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_LENGTH:
        raise InvalidField(name, f"must be a whole number from 0 to {MAX_LENGTH}")
    return value


def parse_text(value: object, name: str, *, most: int = 1024) -> str:
    """Read a short text without control characters. Raises InvalidField."""
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise InvalidField(name, f"must be a text of at most {most} printable characters")
    return value


def parse_metadata_field(value: object, *, most: int) -> dict[str, bytes]:
    """Read a JSON object of texts (or one written as text). Raises InvalidField."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, dict) or not all(map(_is_pair, value.items())):
        raise InvalidField("metadata", "must be an object; keys are printable ASCII, values are texts")
    try:
        pairs = {key: text.encode() for key, text in value.items()}
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can escape
        raise InvalidField("metadata", "must have texts that can be written as UTF-8") from None
    if sum(len(key) + len(text) * 4 // 3 + 6 for key, text in pairs.items()) > most:
        raise InvalidField("metadata", f"must have at most {most} bytes")
    return pairs


def _is_pair(pair: tuple[object, object]) -> bool:
    key, text = pair
    return isinstance(key, str) and isinstance(text, str) and METADATA_KEY.fullmatch(key) is not None
