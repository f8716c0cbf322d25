"""GET of a complete upload: whole or in ranges, from one data file or from many."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tusd_py.errors.downloads import PreconditionFailed, UploadIncomplete
from tusd_py.fronts.downloads.byte_ranges import (
    Outcome,
    content_range,
    evaluate,
    multipart,
    parse_range,
    range_applies,
)
from tusd_py.fronts.downloads.disposition import content_disposition, content_type
from tusd_py.fronts.downloads.sending import ContentResponse
from tusd_py.fronts.http.caller import caller_of
from tusd_py.fronts.http.cors import CrossOrigin
from tusd_py.fronts.http.headers import Fields, joined
from tusd_py.fronts.http.http_dates import format_http_date
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import UploadState
from tusd_py.service.reading import Reading, Segment

DOWNLOAD_FIELDS = CrossOrigin(request=("Range",), response=("Content-Disposition", "Content-Range"))
_CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Content that never changes, ``size`` bytes long. ``modified_at`` is in Unix seconds."""

    size: int
    etag: str
    modified_at: float
    file_type: bytes | None = None
    file_name: bytes | None = None
    segments: Sequence[Segment]


class Downloads:
    """Serves complete uploads and refuses unfinished ones."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def get(self, request: Request, fields: Fields, upload_id: str) -> Response:
        """Answer ``GET`` (RFC 9110: ranges, conditions; RFC 6266: the file name).

        Raises:
            UploadNotFound, UploadExpired, UploadIncomplete, PreconditionFailed, RangeNotSatisfiable.
        """
        upload = await self._reading.complete_upload(upload_id, caller_of(request))
        if upload.state is not UploadState.COMPLETE or upload.length is None:
            raise UploadIncomplete
        content = Content(
            size=upload.length,
            # The bytes of a complete upload never change and ids are never reused: a strong tag.
            etag=f'"{upload.id}"',
            modified_at=upload.completed_at or upload.created_at,
            file_type=upload.metadata.get("filetype"),
            file_name=upload.metadata.get("filename"),
            segments=await self._reading.segments(upload),
        )
        return self.serve(fields, content)

    def serve(self, fields: Fields, content: Content) -> Response:
        """Answer ``GET`` of content that never changes.

        Raises:
            PreconditionFailed, RangeNotSatisfiable.
        """
        etag, modified_at = content.etag, content.modified_at
        headers = {
            "Accept-Ranges": "bytes",
            "Cache-Control": "private, no-cache",
            "ETag": etag,
            "Last-Modified": format_http_date(modified_at),
        }
        match evaluate("GET", _conditions(fields), etag, modified_at):
            case Outcome.NOT_MODIFIED:
                return Response(status_code=304, headers=headers)
            case Outcome.PRECONDITION_FAILED:
                raise PreconditionFailed
            case _:
                pass
        wanted = joined(fields, "range")
        if not range_applies(joined(fields, "if-range"), etag, modified_at):
            wanted = None
        ranges = parse_range(wanted, content.size)
        headers["Content-Disposition"] = content_disposition(content.file_type, content.file_name)
        return self._body(content, ranges, headers)

    def _body(
        self, content: Content, ranges: Sequence[ByteRange] | None, headers: dict[str, str]
    ) -> Response:
        size, media_type = content.size, content_type(content.file_type)
        pieces: list[bytes | ByteRange] = list(ranges or ())
        if ranges is None and size:
            pieces = [ByteRange(0, size)]
        elif len(pieces) == 1 and ranges is not None:
            headers["Content-Range"] = content_range(ranges[0], size)
        elif ranges is not None:
            boundary = secrets.token_hex(16)
            pieces = multipart(ranges, size, media_type, boundary)
            media_type = f"multipart/byteranges; boundary={boundary}"
        length = sum(each.size if isinstance(each, ByteRange) else len(each) for each in pieces)
        headers |= {"Content-Type": media_type, "Content-Length": str(length)}
        cut: list[bytes | Segment] = []
        for each in pieces:
            cut += _cut(content.segments, each) if isinstance(each, ByteRange) else [each]
        return ContentResponse(self._reading, cut, 200 if ranges is None else 206, headers)


def _conditions(fields: Fields) -> dict[str, str]:
    found = {name: joined(fields, name) for name in _CONDITIONS}
    return {name: value for name, value in found.items() if value is not None}


def _cut(segments: Sequence[Segment], wanted: ByteRange) -> list[Segment]:
    """Return the runs of data files that hold ``wanted``."""
    runs = []
    position = 0
    for segment in segments:
        first, last = max(wanted.start - position, 0), min(wanted.stop - position, segment.size)
        if first < last:
            runs.append(Segment(segment.data_file, segment.start + first, last - first))
        position += segment.size
    return runs
