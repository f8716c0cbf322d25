"""Upload-Metadata (checklist CREATE 2.2)."""

import base64
import json

import pytest

from tests.support.lab import Serve, Tus, exchange
from tests.support.tus import TUS, id_of, metadata

pytestmark = pytest.mark.anyio

VERBATIM = {
    "CREATE-24, 25": "filename YS50eHQ=,is_confidential",
    "CREATE-26:no value": "k",
    "CREATE-26:first": "k ,v",
    "CREATE-32: blank after comma": "a YQ==, b Yg==",
    "CREATE-35": "all " + base64.b64encode(bytes(range(256))).decode(),
    "CREATE-38:4 KiB": "big " + base64.b64encode(b"x" * 3072).decode(),
    "CREATE-39: case": "K YQ==,k Yg==",
}


@pytest.mark.parametrize("sent", [pytest.param(v, id=k) for k, v in VERBATIM.items()])
async def test_echoed_as_it_was_sent(tus: Tus, sent: str) -> None:
    head = await tus.head(await tus.create(5, Upload_Metadata=sent))
    assert head.headers["Upload-Metadata"] == sent


@pytest.mark.needs("files")
async def test_values_are_in_the_info_file(tus: Tus) -> None:
    url = await tus.create(5, Upload_Metadata=metadata(filename="ä.txt", empty=""))
    info = json.loads((tus.directory / f"{id_of(url)}.info").read_bytes())
    assert info["MetaData"] == {"filename": "ä.txt", "empty": ""}


@pytest.mark.parametrize("sent", [None, "", " "], ids=["CREATE-27", "CREATE-33", "CREATE-33:blank"])
async def test_no_metadata(tus: Tus, sent: str | None) -> None:
    headers = {} if sent is None else {"Upload-Metadata": sent}
    lines = [*TUS.items(), ("Host", "testserver"), ("Upload-Length", "5"), *headers.items()]
    answer = await exchange(tus.app, "POST", "/files/", lines, [])
    assert answer.status == 201
    assert "Upload-Metadata" not in (await tus.head(answer.headers["location"])).headers


REFUSED = {
    "CREATE-28": "a YQ==,a Yg==",
    "CREATE-29:no base64": "a !!!",
    "CREATE-29:no padding": "a YQ",
    "CREATE-29:url-safe": "a _-8=",
    "CREATE-29:twice": "a YQ==YQ==",
    "CREATE-29:blank inside": "a YQ ==",
    "CREATE-29:stray bits": "a YR==",
    "CREATE-30:two blanks": "a  YQ==",
    "CREATE-30:three tokens": "a YQ== x",
    "CREATE-31:only comma": ",",
    "CREATE-31:last": "a YQ==,",
    "CREATE-31:middle": "a YQ==,,b Yg==",
    "CREATE-34:UTF-8 key": "\xc3\xa4 YQ==",
    "CREATE-34:control in key": "a\x01b YQ==",
    "CREATE-38:16 KiB": "big " + base64.b64encode(b"x" * 12288).decode(),
    "CREATE-38:64 KiB": "big " + base64.b64encode(b"x" * 49152).decode(),
}


@pytest.mark.parametrize("sent", [pytest.param(v, id=k) for k, v in REFUSED.items()])
async def test_refused(tus: Tus, sent: str) -> None:
    """CREATE-20: without a Location, and nothing is left behind."""
    lines = [*TUS.items(), ("Upload-Length", "5"), ("Upload-Metadata", sent)]
    answer = await exchange(tus.app, "POST", "/files/", lines, [])
    assert answer.status == 400
    assert answer.body.startswith(b"ERR_INVALID_METADATA: Upload-Metadata ")
    assert answer.body.isascii()
    assert len(answer.body) < 200
    assert "location" not in answer.headers
    assert tus.files() == []


async def test_two_lines_are_refused(tus: Tus) -> None:
    """CREATE-28: which of them another program believes cannot be known."""
    lines = [*TUS.items(), ("Upload-Length", "5"), ("Upload-Metadata", "a"), ("Upload-Metadata", "b")]
    answer = await exchange(tus.app, "POST", "/files/", lines, [])
    assert (answer.status, tus.files()) == (400, [])


async def test_the_limit_is_a_setting(serve: Serve) -> None:
    """CREATE-38."""
    tus = await serve(max_metadata_bytes=10)
    assert (await tus.post(5, Upload_Metadata="filen YQ==")).status_code == 201
    assert (await tus.post(5, Upload_Metadata="filena YQ==")).status_code == 400


HOSTILE_NAMES = {
    "CREATE-36:CR LF": b'a"\r\nSet-Cookie: a=b\r\n\r\n<script>',
    "CREATE-36:NUL": b"a\0b",
    "CREATE-36:no UTF-8": b"\xff\xfe",
    "CREATE-37:up": b"../../x",
    "CREATE-37:absolute": b"/etc/passwd",
    "CREATE-37:long": b"n" * 4096,
    "CREATE-37:device": b"CON",
    "CREATE-37:empty": b"",
}


@pytest.mark.parametrize("value", [pytest.param(v, id=k) for k, v in HOSTILE_NAMES.items()])
async def test_hostile_values(tus: Tus, value: bytes) -> None:
    """They name no file, make no header, and come back unchanged."""
    sent = metadata(filename=value, filetype=value[:1000], name=value[:1000])
    reply = await tus.post(5, b"hello", Upload_Metadata=sent)
    assert reply.status_code == 201
    url = reply.headers["Location"]
    assert tus.files() == [id_of(url), id_of(url) + ".info"]
    head, got = await tus.head(url), await tus.get(url)
    assert (head.status_code, got.status_code) == (200, 200)
    assert head.headers["Upload-Metadata"] == sent
    assert got.headers["Content-Type"] == "application/octet-stream"
    for answer in (reply, head, got):
        assert "Set-Cookie" not in answer.headers
        assert not any({"\r", "\n", "\0"} & set(line) for line in answer.headers.values())
