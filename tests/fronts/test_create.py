"""Creation (checklist CREATE 2.1) and where Location points."""

import json
import re

import pytest

from tests.support.lab import Serve, Tus, exchange
from tests.support.tus import TUS, id_of

pytestmark = pytest.mark.anyio


async def test_create(tus: Tus) -> None:
    """CREATE-02, 03, 04, 23; EXPIRE-02."""
    reply = await tus.post(100)
    assert (reply.status_code, reply.content) == (201, b"")
    assert reply.headers["Content-Length"] == "0"
    assert "Upload-Expires" in reply.headers
    url = reply.headers["Location"]
    assert re.fullmatch(r"http://testserver/files/[0-9a-f]{32}", url)
    assert await tus.offset(url) == 0
    assert tus.files() == [id_of(url), id_of(url) + ".info"]


@pytest.mark.needs("files")
async def test_the_info_file(tus: Tus) -> None:
    """As tusd writes it."""
    url = await tus.create(100)
    info = json.loads((tus.directory / f"{id_of(url)}.info").read_bytes())
    assert (info["ID"], info["Size"], info["SizeIsDeferred"]) == (id_of(url), 100, False)


async def test_ids_are_unique(tus: Tus) -> None:
    """CREATE-05."""
    assert len({await tus.create(1) for _ in range(50)}) == 50


BAD_LENGTHS = {
    "CREATE-10": ("-1", "abc", "1.5", ""),
    "CREATE-11": ("+5", "007", "1e3", "0x5", "1_000", "5 ", "5,5"),
    "CREATE-14": (str(2**63), str(2**64), "1" + "0" * 40),
}


@pytest.mark.parametrize(
    "length",
    [pytest.param(value, id=f"{row}:{value}") for row, values in BAD_LENGTHS.items() for value in values],
)
async def test_lengths_that_are_no_numbers(tus: Tus, length: str) -> None:
    """CREATE-20: no Location, and nothing is left behind."""
    headers = [*TUS.items(), ("Upload-Length", length), ("Content-Length", "0")]
    answer = await exchange(tus.app, "POST", "/files/", headers, [])
    assert answer.status == 400
    assert answer.body.startswith(b"ERR_INVALID_UPLOAD_LENGTH: Upload-Length must be ")
    assert "location" not in answer.headers
    assert (tus.files(), tus.rows()["uploads"]) == ([], 0)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param([], "ERR_INVALID_UPLOAD_LENGTH", id="CREATE-08"),
        pytest.param(
            [("Upload-Length", "5"), ("Upload-Defer-Length", "1")],
            "ERR_INVALID_UPLOAD_LENGTH_DEFER",
            id="CREATE-09",
        ),
        pytest.param(
            [("Upload-Length", "5"), ("Upload-Length", "6")], "ERR_INVALID_UPLOAD_LENGTH", id="CREATE-12"
        ),
        pytest.param([("Upload-Length", "\uff15")], "ERR_INVALID_UPLOAD_LENGTH", id="CREATE-11:full-width"),
    ],
)
async def test_not_exactly_one_length(tus: Tus, lines: list[tuple[str, str]], code: str) -> None:
    sent = [(name, value.encode().decode("latin-1")) for name, value in lines]
    answer = await exchange(tus.app, "POST", "/files/", [*TUS.items(), *sent], [])
    assert answer.status == 400
    assert answer.body.startswith(f"{code}: Upload-".encode())
    assert "location" not in answer.headers
    assert tus.files() == []


@pytest.mark.parametrize("length", [2**53 + 1, 2**63 - 1], ids=["CREATE-13", "CREATE-14"])
async def test_large_lengths_are_exact(tus: Tus, length: int) -> None:
    url = await tus.create(length)
    assert (await tus.head(url)).headers["Upload-Length"] == str(length)
    assert tus.data(url) == b"", "nothing is allocated beforehand"


async def test_empty_upload_is_complete_at_once(tus: Tus) -> None:
    """CREATE-15, CREATE-16."""
    url = await tus.create(0)
    head = await tus.head(url)
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == ("0", "0")
    assert (await tus.get(url)).status_code == 200
    assert (await tus.patch(url, 0, b"")).status_code == 204
    assert (await tus.patch(url, 0, b"x")).status_code == 413
    assert tus.data(url) == b""


async def test_size_limit(serve: Serve) -> None:
    """CREATE-17, CREATE-18."""
    tus = await serve(max_size=10)
    reply = await tus.post(11)
    assert reply.status_code == 413
    assert reply.text == "ERR_MAX_SIZE_EXCEEDED: maximum size exceeded, at most 10 bytes are taken\n"
    assert "Location" not in reply.headers
    assert (tus.files(), tus.rows()["uploads"]) == ([], 0)
    assert (await tus.post(10)).status_code == 201


async def test_no_framing_headers(tus: Tus) -> None:
    """CREATE-19, CREATE-21: no length of the body, and headers nobody knows."""
    headers = [*TUS.items(), ("Upload-Length", "5"), ("Upload-Foo", "1"), ("Upload-Tag", "x")]
    answer = await exchange(tus.app, "POST", "/files/", headers, [])
    assert answer.status == 201
    assert answer.headers["location"].startswith("/files/"), "without a Host there is only the path"


FORWARDED = {"X-Forwarded-Host": "up.example:8443", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("behind_proxy", "sent", "base"),
    [
        pytest.param(False, {}, "http://testserver/files/", id="CREATE-06"),
        pytest.param(False, FORWARDED, "http://testserver/files/", id="CREATE-06:X-Forwarded, no proxy"),
        pytest.param(
            False, {"Forwarded": "host=evil.example"}, "http://testserver/files/", id="CREATE-06:Forwarded"
        ),
        pytest.param(False, {"Host": "a.example:80"}, "http://a.example/files/", id="CREATE-06:port"),
        pytest.param(False, {"Host": "a.example:8080"}, "http://a.example:8080/files/", id="CREATE-06:8080"),
        pytest.param(False, {"Host": "[::1]:9"}, "http://[::1]:9/files/", id="CREATE-06:IPv6"),
        pytest.param(False, {"Host": "evil/x#"}, "/files/", id="CREATE-06:no host"),
        pytest.param(False, {"Host": 'a"\tb'}, "/files/", id="CREATE-06:hostile host"),
        pytest.param(True, FORWARDED, "https://up.example:8443/files/", id="CREATE-06:X-Forwarded"),
        pytest.param(True, {"X-Forwarded-Host": "a, b"}, "http://a/files/", id="CREATE-06:two proxies"),
        pytest.param(
            True,
            {"Forwarded": 'for=1.2.3.4; host="up.example:443";proto=https, host=b'},
            "https://up.example/files/",
            id="CREATE-06:quoted",
        ),
        pytest.param(
            True, {"X-Forwarded-Host": "evil/\\x"}, "/files/", id="CREATE-06:hostile forwarded host"
        ),
        pytest.param(
            True, {"X-Forwarded-Proto": "javascript"}, "http://testserver/files/", id="CREATE-06:scheme"
        ),
    ],
)
async def test_location(serve: Serve, behind_proxy: bool, sent: dict[str, str], base: str) -> None:
    tus = await serve(behind_proxy=behind_proxy)
    headers = {"Host": "testserver", **TUS, "Upload-Length": "1", **sent}
    answer = await exchange(tus.app, "POST", "/files/", headers.items(), [])
    assert answer.status == 201
    assert re.fullmatch(re.escape(base) + "[0-9a-f]{32}", answer.headers["location"])


async def test_query_in_the_creation_url(tus: Tus) -> None:
    """CREATE-07."""
    reply = await tus.request("POST", tus.url + "?x=1", Upload_Length="5")
    assert await tus.offset(reply.headers["Location"]) == 0


async def test_other_paths_are_not_found(tus: Tus) -> None:
    for path in ("/", "/filesystem", "/file", "/files.html"):
        reply = await tus.request("POST", path, Upload_Length="5")
        assert reply.status_code == 404
    assert tus.files() == []
