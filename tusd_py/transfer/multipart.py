"""``multipart/form-data`` as a stream: the ``file`` part is a body, the other fields are kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Receive, Scope

from tusd_py.errors.requests import BodyTooLarge, InvalidBody, InvalidField
from tusd_py.model.body import Ended, Piece, StopSignal
from tusd_py.transfer.asgi import PortableBody

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

#: Most bytes of everything but the file: fields, the headers of parts, and what is before and after parts.
FIELDS_BYTES: Final = 64 << 10
_FIELDS: Final = 100  # parts
#: Bytes that are parsed at a time. If that takes milliseconds, other requests get a turn in between.
_SLICE: Final = 32 << 10
_SLOW_S: Final = 0.001


class _Form:
    """The parser's state: what it has found so far."""

    def __init__(self, boundary: bytes, *, file_field: str | None) -> None:
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self.has_file = False
        self.is_over = False
        self._file_field = file_field
        self._in_file = False
        self._pieces: list[memoryview] = []
        self._name = ""
        self._value = bytearray()
        self._parts = 0
        self._other_bytes = 0
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._take_header_name,
            "on_header_value": self._take_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._take_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }
        self._parser = MultipartParser(boundary, callbacks)

    def feed(self, data: bytes) -> list[memoryview]:
        """Parse the next bytes of the body; return those that belong to the file.

        Raises InvalidBody, BodyTooLarge.
        """
        self._pieces = []
        try:
            self._parser.write(data)
        except FormParserError:
            raise InvalidBody("the multipart body is malformed") from None
        self._other_bytes += len(data) - sum(map(len, self._pieces))
        if self._other_bytes > FIELDS_BYTES:
            raise BodyTooLarge(limit=FIELDS_BYTES)
        return self._pieces

    def _begin_part(self) -> None:
        self._disposition = b""
        self._value = bytearray()

    def _take_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _end_header(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _end_headers(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:
            raise InvalidBody("a part of the multipart body has no name")
        self._name = options[b"name"].decode("utf-8", "replace")
        self._parts += 1
        if self._parts > _FIELDS:
            raise InvalidBody(f"the multipart body has more than {_FIELDS} parts")
        self._in_file = self._name == self._file_field
        if not self._in_file:
            return
        if self.has_file:
            raise InvalidBody("there is more than one file, send one chunk with each request")
        self.has_file = True
        self.filename = options.get(b"filename", b"").decode("utf-8", "replace")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(memoryview(data)[start:end])
            return
        self._value += data[start:end]

    def _end_part(self) -> None:
        if not self._in_file:
            value = self._value.decode("utf-8", "replace")
            if self.fields.setdefault(self._name, value) != value:
                raise InvalidBody("a field of the multipart body comes twice, with different values")
        self._in_file = False

    def _end(self) -> None:
        self.is_over = True


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary of a multipart form; None when it is another type. Raises InvalidBody."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return None
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= 200:
        raise InvalidBody("multipart/form-data needs a boundary")
    return boundary


class MultipartBody(PortableBody):
    """The ``file`` part of a multipart form as a Body; the other fields are complete once it has ended.

    Uses constant memory and no temporary file. The length of the file is not known in advance.

    Unlike other bodies it raises when the form is malformed: InvalidBody, InvalidField, BodyTooLarge.
    """

    def __init__(
        self, scope: Scope, receive: Receive, boundary: bytes, *, file_field: str | None = "file"
    ) -> None:
        super().__init__(scope, receive, None)
        self._form = _Form(boundary, file_field=file_field)
        self._file_field = file_field
        self._early: list[memoryview] = []  # bytes of the file that arrived with its headers
        self._ended: Ended | None = None

    @property
    def fields(self) -> dict[str, str]:
        """The fields beside the file."""
        return self._form.fields

    @property
    def filename(self) -> str | None:
        """The name that the client gave the file."""
        return self._form.filename

    @property
    def has_file(self) -> bool:
        """Whether there is a file part."""
        return self._form.has_file

    async def take(self, room: int) -> tuple[Sequence[Piece], Ended | None]:
        """See Body."""
        if not self._early and self._ended is None:
            await self._read()
        pieces, self._early = self._early, []
        if not pieces:
            if self._ended is Ended.COMPLETE:
                self._check_form()
            return [], self._ended
        if sum(map(len, pieces)) > room:
            return [memoryview(b"".join(pieces))[:room]], Ended.OVERRUN
        return pieces, None

    async def begin(self) -> bool:
        """Read until the file begins; return whether there is one. Raises InvalidBody, BodyTooLarge."""
        self.open(StopSignal())
        while self._ended is None and not self._form.has_file and not self._form.is_over:
            await self._read()
        if not self._form.has_file and not self._form.is_over:
            raise InvalidBody("the multipart body ended early")
        return self._form.has_file

    async def read_fields(self) -> dict[str, str]:
        """Read a form without a file to its end; return its fields. Raises InvalidBody, BodyTooLarge."""
        self.open(StopSignal())
        while self._ended is None:
            await self._read()
        self.close()
        if self._ended is not Ended.COMPLETE or not self._form.is_over:
            raise InvalidBody("the multipart body ended early")
        return self.fields

    async def _read(self) -> None:
        """Wait for the next bytes of the form; keep those of the file."""
        self._ended, data = await self.next_event()
        for start in range(0, len(data), _SLICE):
            began = monotonic()
            self._early += self._form.feed(data[start : start + _SLICE])
            if monotonic() - began > _SLOW_S:
                await asyncio.sleep(0)

    def _check_form(self) -> None:
        if not self._form.is_over:
            raise InvalidBody("the multipart body has no end")
        if self._file_field is not None and not self._form.has_file:
            raise InvalidField(self._file_field, "is required")
