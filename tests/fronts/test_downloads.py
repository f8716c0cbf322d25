"""GET: ranges, conditions, several data files, and what hostile metadata can do (HTTP-09)."""

import re
import resource
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest
from starlette.types import Message, Scope

from tests.support.lab import Serve, Tus
from tests.support.tus import id_of, metadata, payload
from tusd_py.fronts.downloads.sending import BrokenOff

pytestmark = pytest.mark.anyio

DATA = b"hello world, and more"


async def single(tus: Tus) -> str:
    """One data file."""
    return await tus.create(len(DATA), DATA)


async def joined(tus: Tus) -> str:
    """Many data files, some of them empty, one of them twice."""
    o, nothing = await tus.partial(b"o"), await tus.partial(b"")
    hell, w = await tus.partial(b"hell"), await tus.partial(b" w")
    rest = await tus.partial(b"rld, and more")
    return await tus.final(nothing, hell, o, nothing, nothing, w, o, rest, nothing)


#: Makes an upload of DATA.
Make = Callable[[Tus], Awaitable[str]]

BOTH = pytest.mark.parametrize("make", [single, joined])


@BOTH
async def test_whole(tus: Tus, make: Make) -> None:
    reply = await tus.get(await make(tus), Tus_Resumable=None)
    assert (reply.status_code, reply.content) == (200, DATA)
    assert reply.headers["Content-Length"] == str(len(DATA))
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["Content-Disposition"] == "attachment"
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "private, no-cache"


@BOTH
@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-4", 0, 4),
        ("bytes=3-5", 3, 5),
        ("bytes=4-4", 4, 4),
        ("bytes=5-", 5, 20),
        ("bytes=-4", 17, 20),
        ("bytes=-999", 0, 20),
        ("bytes=20-999", 20, 20),
        ("bytes=0-20", 0, 20),
        ("bytes=0-4,5-9", 0, 9),
        ("BYTES=1-2", 1, 2),
    ],
)
async def test_one_range(tus: Tus, make: Make, wanted: str, first: int, last: int) -> None:
    reply = await tus.get(await make(tus), Range=wanted)
    assert (reply.status_code, reply.content) == (206, DATA[first : last + 1])
    assert reply.headers["Content-Range"] == f"bytes {first}-{last}/21"
    assert reply.headers["Content-Length"] == str(last + 1 - first)


@BOTH
async def test_several_ranges(tus: Tus, make: Make) -> None:
    reply = await tus.get(await make(tus), Range="bytes=0-1, 3-5, -2")
    assert reply.status_code == 206
    assert reply.headers["Content-Length"] == str(len(reply.content))
    assert "Content-Range" not in reply.headers
    boundary = re.fullmatch("multipart/byteranges; boundary=(.+)", reply.headers["Content-Type"])
    assert boundary
    *parts, end = reply.content.split(b"\r\n--" + boundary[1].encode())
    assert (end, len(parts)) == (b"--\r\n", 3)
    for part, (first, last) in zip(parts, ((0, 1), (3, 5), (19, 20)), strict=True):
        head, _, body = part.partition(b"\r\n\r\n")
        assert b"Content-Range: bytes %d-%d/21" % (first, last) in head
        assert b"Content-Type: application/octet-stream" in head
        assert body == DATA[first : last + 1]


@BOTH
@pytest.mark.parametrize("wanted", ["bytes=21-", "bytes=99-100", "bytes=-0", "bytes=21-,30-40"])
async def test_no_such_range(tus: Tus, make: Make, wanted: str) -> None:
    reply = await tus.get(await make(tus), Range=wanted)
    assert (reply.status_code, reply.headers["Content-Range"]) == (416, "bytes */21")


@pytest.mark.parametrize(
    "wanted", ["bytes=a-b", "bytes=5-4", "bytes", "items=0-1", "bytes=", "bytes=" + ",".join(["0-0"] * 17)]
)
async def test_ranges_that_are_ignored(tus: Tus, wanted: str) -> None:
    reply = await tus.get(await single(tus), Range=wanted)
    assert (reply.status_code, reply.content) == (200, DATA)


@pytest.mark.parametrize("wanted", [None, "bytes=0-", "bytes=-1"])
async def test_empty_upload(tus: Tus, wanted: str | None) -> None:
    """Of nothing no part can be named."""
    nothing = await tus.partial(b"")
    for url in (nothing, await tus.final(nothing, nothing), await tus.create(0)):
        reply = await tus.get(url, Range=wanted)
        assert (reply.status_code, reply.content, reply.headers["Content-Length"]) == (200, b"", "0")


def when(reply: httpx.Response, name: str) -> dict[str, str]:
    """A condition, by its name in the table."""
    tag, date = reply.headers["ETag"], reply.headers["Last-Modified"]
    return {
        "same tag": {"If-None-Match": tag},
        "any tag": {"If-None-Match": "*"},
        "weak tag": {"If-None-Match": f'"x", W/{tag}'},
        "other tag": {"If-None-Match": '"x"'},
        "not since": {"If-Modified-Since": date},
        "since": {"If-Modified-Since": formatdate(0, usegmt=True)},
        "match": {"If-Match": tag},
        "no match": {"If-Match": '"x"'},
        "changed": {"If-Unmodified-Since": formatdate(0, usegmt=True)},
        "range if same": {"Range": "bytes=0-4", "If-Range": tag},
        "range if date": {"Range": "bytes=0-4", "If-Range": date},
        "range if other": {"Range": "bytes=0-4", "If-Range": '"x"'},
    }[name]


@pytest.mark.parametrize(
    ("condition", "status", "content"),
    [
        ("same tag", 304, b""),
        ("any tag", 304, b""),
        ("weak tag", 304, b""),
        ("other tag", 200, DATA),
        ("not since", 304, b""),
        ("since", 200, DATA),
        ("match", 200, DATA),
        ("no match", 412, b""),
        ("changed", 412, b""),
        ("range if same", 206, b"hello"),
        ("range if date", 206, b"hello"),
        ("range if other", 200, DATA),
    ],
)
async def test_conditions(tus: Tus, condition: str, status: int, content: bytes) -> None:
    url = await single(tus)
    first = await tus.get(url)
    reply = await tus.http.get(url, headers=when(first, condition))
    assert reply.status_code == status
    if status != 412:
        assert reply.content == content
        assert reply.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize("stored", [b"", b"hello"])
async def test_unfinished(tus: Tus, stored: bytes) -> None:
    """HTTP-09."""
    reply = await tus.get(await tus.create(10, stored or None), Range="bytes=0-2")
    assert reply.status_code == 409
    assert reply.text == "ERR_INCOMPLETE_UPLOAD: upload is not complete yet, nothing to download\n"


DISPOSITIONS = {
    "plain": (b"text/plain", b"a.txt", "text/plain", 'inline; filename="a.txt"'),
    "page": (b"text/html", b"a.html", "text/html", 'attachment; filename="a.html"'),
    "picture with scripts": (b"image/svg+xml", b"a.svg", "image/svg+xml", 'attachment; filename="a.svg"'),
    "header in the type": (b"text/plain\r\nX: y", b"", "application/octet-stream", "attachment"),
    "header in the name": (b"", b"a\r\nX: y", "application/octet-stream", 'attachment; filename="a__X: y"'),
    "quotes": (b"", b'a"; b="c', "application/octet-stream", 'attachment; filename="a\\"; b=\\"c"'),
    "path": (b"", b"../../etc/passwd", "application/octet-stream", 'attachment; filename="passwd"'),
    "hidden": (b"", b".bashrc", "application/octet-stream", 'attachment; filename="_bashrc"'),
    "no UTF-8": (b"\xff", b"\xff", "application/octet-stream", None),
}


@pytest.mark.parametrize(
    ("filetype", "filename", "content_type", "disposition"), DISPOSITIONS.values(), ids=DISPOSITIONS.keys()
)
async def test_what_metadata_says(
    tus: Tus, filetype: bytes, filename: bytes, content_type: str, disposition: str | None
) -> None:
    """HTTP-09, CREATE-36: nothing that a browser would run in place, and no header of the client's."""
    url = await tus.create(5, b"hello", Upload_Metadata=metadata(filetype=filetype, filename=filename))
    reply = await tus.get(url)
    assert reply.headers["Content-Type"] == content_type
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "X" not in reply.headers
    if disposition is not None:
        assert reply.headers["Content-Disposition"] == disposition
    assert reply.headers["Content-Disposition"].isascii()


async def test_more_than_one_block(tus: Tus) -> None:
    """Large enough that no buffer holds it at once, across the border of two files."""
    data = payload(1_500_000)
    url = await tus.final(await tus.partial(data[:700_001]), await tus.partial(data[700_001:]))
    assert (await tus.get(url)).content == data
    assert (await tus.get(url, Range="bytes=699990-1200000")).content == data[699_990:1_200_001]


@pytest.mark.needs("files")
async def test_a_data_file_that_is_gone_is_not_a_success(tus: Tus) -> None:
    """Somebody removed the file; a client must not take what it gets for the upload."""
    url = await single(tus)
    (tus.directory / id_of(url)).unlink()
    try:
        reply = await tus.get(url)
    except (OSError, httpx.HTTPError):  # the connection is cut
        return
    assert reply.status_code >= 400


@pytest.mark.needs("files")
async def test_a_data_file_that_cannot_be_opened_is_a_whole_refusal(
    tus: Tus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """SECURITY.md, symbolic links and faults: a link is not followed; the cause is in the log alone."""
    url, secret = await single(tus), tmp_path / "secret"
    secret.write_bytes(DATA)
    (tus.directory / id_of(url)).unlink()
    (tus.directory / id_of(url)).symlink_to(secret)
    reply = await tus.get(url, Origin="https://example.com")
    assert reply.status_code == 500
    assert reply.text == "ERR_INTERNAL_SERVER_ERROR: internal server error, see the server's log\n"
    assert reply.headers["Access-Control-Allow-Origin"] == "https://example.com"
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "InternalServerError"
    ]


@pytest.mark.needs("files")
async def test_a_file_that_goes_during_an_answer_breaks_it_off(tus: Tus) -> None:
    """Under a server without sendfile: what has begun ends in an exception, never as if it were whole."""
    first, second = await tus.partial(b"hello "), await tus.partial(b"world")
    path = httpx.URL(await tus.final(first, second)).path
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        (tus.directory / id_of(second)).unlink(missing_ok=True)

    with pytest.raises(BrokenOff, match=id_of(second)):
        await tus.app(request_of(path), nothing_more, send)
    assert [message.get("body") for message in sent] == [None, b"hello "]
    assert all(message.get("more_body", True) for message in sent)


@pytest.mark.needs("files")
async def test_no_descriptor_left_is_a_whole_refusal(serve: Serve) -> None:
    """With all headers that answers have: those of tus, and those that a browser wants."""
    tus = await serve()
    url = await single(tus)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        reply = await tus.get(url, Origin="https://example.com")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert reply.status_code == 503
    assert reply.text.startswith("ERR_TOO_MANY_OPEN_FILES: ")
    assert reply.headers["Retry-After"] == "1"
    assert reply.headers["Tus-Resumable"] == "1.0.0"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Access-Control-Allow-Origin"] == "https://example.com"
    assert (await tus.get(url)).content == DATA


def request_of(path: str) -> Scope:
    """A GET as a server without extensions hands it over."""
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "http_version": "1.1",
        "scheme": "http",
    }


async def nothing_more() -> Message:
    """The end of a request without a body."""
    return {"type": "http.request", "body": b"", "more_body": False}
