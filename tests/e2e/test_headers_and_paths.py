"""Numbers, metadata, versions and paths as the server reads them, and the header fields of its answers."""

import base64

import httpx
import pytest

from tests.support.server import Server
from tests.support.tus import Tus, Wire, id_of, metadata


def raw_status(server: Server, method: str, target: str, headers: dict[str, str]) -> int:
    """Send a target that no HTTP library would send as it is."""
    with Wire(server.host_port) as wire:
        wire.request(method, target, headers)
        reply = wire.reply()
    return reply.status if reply is not None else 0


@pytest.mark.parametrize(
    "value", ["-5", "+7", "1_0", " ", "1.0", "0x10", "1e3", "\u0661", "abc", "9" * 30, ""]
)
@pytest.mark.parametrize("header", ["Upload-Length", "Upload-Offset"])
def test_numbers_are_digits_and_nothing_else(server: Server, tus: Tus, header: str, value: str) -> None:
    """A lenient parser takes ``-5``, ``+7`` and ``1_0``; each is 400 (or 413), and nothing is made."""
    url = tus.create(100)
    before = sorted(path.name for path in server.upload_dir.iterdir())
    creating = header == "Upload-Length"
    headers = {"Content-Length": "0", header: value.encode().decode("latin-1")}
    if not creating:
        headers["Content-Type"] = "application/offset+octet-stream"
    target = server.path if creating else server.path + id_of(url)
    status = raw_status(server, "POST" if creating else "PATCH", target, headers)
    assert status in {400, 409, 413}, f"{header}: {value!r} got {status}"
    assert sorted(path.name for path in server.upload_dir.iterdir()) == before
    assert tus.offset(url) == 0


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        pytest.param("", {}, id="empty header"),
        pytest.param("is_final", {"is_final": b""}, id="key without a value"),
        pytest.param("a YQ==,is_final,b Yg==", {"a": b"a", "is_final": b"", "b": b"b"}, id="among others"),
        pytest.param(metadata(raw=b"\xff\xfe\x00\x80"), {"raw": b"\xff\xfe\x00\x80"}, id="not UTF-8"),
        pytest.param(metadata(name="日本語"), {"name": "日本語".encode()}, id="UTF-8"),
        pytest.param(metadata(lines=b"a\r\nb: c"), {"lines": b"a\r\nb: c"}, id="line ends"),
    ],
)
def test_metadata_comes_back_byte_for_byte(tus: Tus, sent: str, wanted: dict[str, bytes]) -> None:
    """Empty, value-less and binary metadata survive (peers answer 400 or 500, or drop keys)."""
    url = tus.create(3, Upload_Metadata=sent)
    told = tus.head(url).headers.get("Upload-Metadata", "")
    pairs = [pair.strip().partition(" ") for pair in told.split(",") if pair]
    assert {key: base64.b64decode(value) for key, _, value in pairs} == wanted
    tus.finish(url, b"abc")


def test_metadata_survives_a_restart(server: Server) -> None:
    """What HEAD told before is what it tells after ``kill -9``."""
    sent = metadata(filename="ü", raw=b"\xff\x00") + ",flag"
    with Tus(server.url) as tus:
        url = tus.create(3, Upload_Metadata=sent)
        before = tus.head(url).headers["Upload-Metadata"]
    server.kill()
    server.restart()
    with Tus(server.url) as tus:
        assert tus.head(url).headers["Upload-Metadata"] == before


def test_malformed_metadata_is_400(tus: Tus) -> None:
    """Neither 500 nor silently accepted."""
    for wrong in ["key not_base64!", "two words here", "a YQ==,a Yg==", ",", "a YQ==,"]:
        assert tus.post(3, Upload_Metadata=wrong).status_code == 400, wrong


def test_options_works_without_version_on_every_path(server: Server, tus: Tus) -> None:
    """A client asks without Tus-Resumable, and a browser without anything (peers say 405, 400, 412, 307)."""
    url = tus.create(3)
    for target in (server.url, server.url.rstrip("/"), url, url + "0", server.url + "unknown"):
        reply = httpx.options(target)
        assert reply.status_code in {200, 204}, target
        assert reply.headers["Tus-Resumable"] == "1.0.0"
        assert reply.headers["Tus-Version"] == "1.0.0"
        assert "creation" in reply.headers["Tus-Extension"]


def test_preflight_works_on_every_path(server: Server, tus: Tus) -> None:
    """The browser's question before a PATCH is answered for uploads and for creation alike."""
    url = tus.create(3)
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "tus-resumable,upload-offset,content-type,upload-checksum",
    }
    for target in (server.url, server.url.rstrip("/"), url):
        reply = httpx.options(target, headers=asked)
        assert reply.status_code in {200, 204}
        assert reply.headers["Access-Control-Allow-Origin"] in {"*", "https://app.example"}
        assert "PATCH" in reply.headers["Access-Control-Allow-Methods"]
        allowed = reply.headers["Access-Control-Allow-Headers"].lower()
        assert {"upload-offset", "upload-checksum", "x-http-method-override"} <= set(
            allowed.replace(" ", "").split(",")
        )


def test_answers_expose_their_headers_to_browsers(tus: Tus) -> None:
    """Without them a page sees no Location and no offset, on refusals as on successes."""
    for reply in (tus.post(3, Origin="https://app.example"), tus.post(Origin="https://app.example")):
        exposed = reply.headers["Access-Control-Expose-Headers"].lower().replace(" ", "").split(",")
        wanted = {"location", "upload-offset", "upload-length", "upload-expires", "tus-checksum-algorithm"}
        assert wanted <= set(exposed)


def test_no_redirect_between_slash_and_no_slash(server: Server, tus: Tus) -> None:
    """POST works at ``/files/`` and at ``/files``: a redirect would turn it into a GET for some clients."""
    for target in (server.url, server.url.rstrip("/")):
        reply = tus.http.post(target, headers={"Upload-Length": "3"}, follow_redirects=False)
        assert reply.status_code == 201, target
        tus.finish(str(reply.url.join(reply.headers["Location"])), b"abc")


def test_path_that_only_begins_like_the_endpoint_is_not_tus(server: Server, tus: Tus) -> None:
    """``/filesystem`` has nothing to do with ``/files`` (a peer answered 412)."""
    other = server.url.rstrip("/") + "ystem"
    before = sorted(path.name for path in server.upload_dir.iterdir())
    assert httpx.get(other).status_code in {200, 404}
    assert tus.http.post(other, headers={"Upload-Length": "3"}).status_code in {404, 405}
    assert sorted(path.name for path in server.upload_dir.iterdir()) == before


def test_errors_carry_the_version_and_no_inner_detail(server: Server, tus: Tus) -> None:
    """Refusals have Tus-Resumable, a code and a line, and no path of the server."""
    for reply in (tus.get(server.url + "f" * 32), tus.post(), tus.patch(tus.create(3), 1, b"x")):
        assert reply.headers["Tus-Resumable"] == "1.0.0"
        assert reply.text.startswith("ERR_")
        assert reply.text.endswith("\n")
        assert str(server.upload_dir) not in reply.text


def test_override_of_the_method_is_honoured(tus: Tus) -> None:
    """Listed for CORS and also obeyed (two peers only list it)."""
    url = tus.create(3)
    headers = {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    headers["Content-Type"] = "application/offset+octet-stream"
    assert tus.http.post(url, content=b"abc", headers=headers).status_code == 204
    assert tus.get(url).content == b"abc"
