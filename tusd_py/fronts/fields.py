"""Small request bodies as fields: JSON, urlencoded or multipart, as HTTP tools and browsers send them."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from tusd_py.chunk_errors import InvalidBody, InvalidField, UnsupportedBodyType
from tusd_py.fronts.multipart import MultipartBody, boundary_of
from tusd_py.model.upload import MAX_LENGTH

#: A list of 10,000 parts with digests fits.
_MOST_BYTES: Final = 4 << 20
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


async def read_fields(request: Request) -> dict[str, Any]:
    """Read the fields of a body; an empty one has none.

    Raises:
        InvalidBody: Malformed, too large, or JSON that is no object.
        UnsupportedBodyType: Neither JSON nor a form.
    """
    content_type = request.headers.get("content-type", "")
    boundary = boundary_of(content_type)
    if boundary is not None:
        return dict(
            await MultipartBody(request.scope, request.receive, boundary, file_field=None).read_fields()
        )
    data = await _read(request)
    if not data.strip():
        return {}
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        try:
            return dict(parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=100))
        except ValueError:
            raise InvalidBody("the form is malformed") from None
    if kind == "application/json" or kind.endswith("+json"):
        return _from_json(data)
    raise UnsupportedBodyType("application/json, application/x-www-form-urlencoded or multipart/form-data")


async def _read(request: Request) -> bytes:
    blocks: list[bytes] = []
    size = 0
    async for block in request.stream():
        size += len(block)
        if size > _MOST_BYTES:
            raise InvalidBody(f"the body has more than {_MOST_BYTES} bytes")
        blocks.append(block)
    return b"".join(blocks)


def _from_json(data: bytes) -> dict[str, Any]:
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
    pairs = {key: text.encode("utf-8", "replace") for key, text in value.items()}
    if sum(len(key) + len(text) * 4 // 3 + 6 for key, text in pairs.items()) > most:
        raise InvalidField("metadata", f"must have at most {most} bytes")
    return pairs


def _is_pair(pair: tuple[object, object]) -> bool:
    key, text = pair
    return (
        isinstance(key, str)
        and isinstance(text, str)
        and bool(key)
        and key.isascii()
        and key.isprintable()
        and not set(key) & {" ", ","}
    )
