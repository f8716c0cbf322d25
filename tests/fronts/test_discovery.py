"""OPTIONS, version negotiation, methods and their override (checklist CORE 1.1, 1.2 and 1.5)."""

from collections.abc import Callable

import pytest

from tests.support.lab import Serve, Tus, exchange, pieces
from tests.support.stores import STORES
from tests.support.tus import OFFSET_STREAM, TUS, checksum, id_of

pytestmark = pytest.mark.anyio


def announced(tus: Tus) -> set[str]:
    """Every extension that a server over this store can offer."""
    return {*tus.store.offers} - {"files"}


@pytest.mark.parametrize("version", [None, "9.9.9"], ids=["CORE-01", "CORE-03"])
@pytest.mark.parametrize("is_upload", [False, True], ids=["CORE-01", "CORE-08"])
async def test_discovery(tus: Tus, version: str | None, is_upload: bool) -> None:
    """CORE-02, 04, 05, 10, 11: the same answer everywhere, whatever version is asked for."""
    url = await tus.create(5) if is_upload else tus.url
    reply = await tus.request("OPTIONS", url, Tus_Resumable=version)
    assert reply.status_code == 200
    assert reply.headers["Tus-Version"] == "1.0.0"
    assert reply.headers["Tus-Resumable"] == "1.0.0"
    listed = reply.headers["Tus-Extension"].split(",")
    assert len(listed) == len(set(listed))
    assert set(listed) == announced(tus)
    assert reply.content == b""


async def test_discovery_names_no_limit_where_there_is_none(tus: Tus) -> None:
    """CORE-06."""
    assert "Tus-Max-Size" not in (await tus.request("OPTIONS", tus.url)).headers


async def test_discovery_follows_the_settings(serve: Serve) -> None:
    """CORE-07; TERM-08, CONCAT-30, EXPIRE-01: what is off is not announced."""
    tus = await serve(max_size=99, disable_termination=True, disable_concatenation=True, expire_after_s=0)
    reply = await tus.request("OPTIONS", tus.url)
    assert reply.headers["Tus-Max-Size"] == "99"
    gone = {"termination", "concatenation", "concatenation-unfinished", "expiration"}
    assert set(reply.headers["Tus-Extension"].split(",")) == announced(tus) - gone


@pytest.mark.parametrize("serve", STORES, indirect=True)
async def test_discovery_follows_the_store(serve: Serve) -> None:
    """CORE-04, CHECK-01: what it does not allow is not announced, and no algorithm without checksums."""
    tus = await serve()
    reply = await tus.request("OPTIONS", tus.url)
    assert set(reply.headers["Tus-Extension"].split(",")) == announced(tus)
    assert ("Tus-Checksum-Algorithm" in reply.headers) is ("checksum" in announced(tus))


@pytest.mark.parametrize("serve", ["memory", "plain"], indirect=True)
async def test_a_checksum_where_none_is_offered(serve: Serve) -> None:
    """CHECK-21, 31: refused before a byte is kept, right or wrong; nobody takes it for verified."""
    tus = await serve()
    url = await tus.create(11, b"hello")
    before = tus.rows(), tus.files()
    sent = {"Upload_Checksum": checksum(b" world")}
    for reply in (
        await tus.patch(url, 5, b" world", **sent),
        await tus.patch(url, 5, pieces(b" world"), Trailer="Upload-Checksum"),
        await tus.post(6, b" world", **sent),
    ):
        assert (reply.status_code, reply.text) == (
            400,
            "ERR_NOT_OFFERED: Upload-Checksum is not offered here\n",
        )
    assert ((tus.rows(), tus.files()), tus.data(url)) == (before, b"hello")
    assert (await tus.patch(url, 5, b" world")).status_code == 204


@pytest.mark.parametrize("serve", ["plain"], indirect=True)
@pytest.mark.parametrize("value", ["partial", "final;/files/x"])
async def test_a_concatenation_where_none_is_offered(serve: Serve, value: str) -> None:
    """CONCAT-30: as where a setting switches it off."""
    tus = await serve()
    reply = await tus.post(5, Upload_Concat=value)
    assert (reply.status_code, reply.text) == (400, "ERR_NOT_OFFERED: Upload-Concat is not offered here\n")
    assert tus.files() == []


@pytest.mark.parametrize("serve", STORES, indirect=True)
@pytest.mark.parametrize("path", ["/uploads/", "/artifacts/", "/openapi.json"])
async def test_the_parallel_chunk_api_follows_the_store(serve: Serve, path: str) -> None:
    """Chunks come in any order and artifacts are moved: only files can be written to and named so."""
    tus = await serve(list_anonymous=True)
    is_offered, before = "files" in tus.store.offers, tus.files()
    assert (await tus.request("GET", path)).status_code == (200 if is_offered else 404)
    made = await tus.request("POST", "/uploads/", b'{"size": 5}', Content_Type="application/json")
    assert made.status_code == (201 if is_offered else 404)
    assert (tus.files() != before) is is_offered


async def test_every_success_names_the_version(tus: Tus) -> None:
    """CORE-12."""
    made = await tus.post(5)
    url = made.headers["Location"]
    for reply in (made, await tus.head(url), await tus.patch(url, 0, b"hello"), await tus.delete(url)):
        assert reply.is_success
        assert reply.headers["Tus-Resumable"] == "1.0.0"


@pytest.mark.parametrize(
    "version",
    [
        pytest.param("0.2.2", id="CORE-14"),
        pytest.param(None, id="CORE-18"),
        *(pytest.param(v, id=f"CORE-20:{v}") for v in ("1.0", "1", "v1.0.0", "1.0.0, 1.0.0", "", "1.0.1")),
    ],
)
async def test_another_version_changes_nothing(tus: Tus, version: str | None) -> None:
    """CORE-14, 15, 17: 412 with ``Tus-Version``; nothing is made, written or deleted."""
    url = await tus.create(5)
    before = tus.rows(), tus.files()
    for reply in (
        await tus.post(5, Tus_Resumable=version),
        await tus.patch(url, 0, b"hello", Tus_Resumable=version),
        await tus.delete(url, Tus_Resumable=version),
    ):
        assert reply.status_code == 412
        assert reply.headers["Tus-Version"] == "1.0.0"
        assert reply.text.startswith("ERR_UNSUPPORTED_VERSION: Tus-Resumable must be 1.0.0, got ")
        assert "Location" not in reply.headers
    assert (tus.rows(), tus.files()) == before
    assert tus.data(url) == b""


async def test_head_of_another_version(tus: Tus) -> None:
    """CORE-16, CORE-19: a wrong version is refused; none at all is fine."""
    url = await tus.create(5)
    reply = await tus.head(url, Tus_Resumable="9.9.9")
    assert (reply.status_code, reply.headers["Tus-Version"]) == (412, "1.0.0")
    assert "Upload-Offset" not in reply.headers
    assert (await tus.head(url, Tus_Resumable=None)).status_code == 200


async def test_the_version_is_checked_first(tus: Tus) -> None:
    """CORE-21: before the upload is looked up and before the content type."""
    missing = tus.url + "0" * 32
    assert (await tus.patch(missing, 0, b"x", Tus_Resumable="9.9.9")).status_code == 412
    reply = await tus.patch(await tus.create(5), 0, b"x", Tus_Resumable="9", Content_Type="text/plain")
    assert reply.status_code == 412


@pytest.mark.parametrize("spell", [str.lower, str.upper], ids=["CORE-22:lower", "CORE-22:upper"])
async def test_header_names_have_no_case(tus: Tus, spell: Callable[[str], str]) -> None:
    url = await tus.create(5)
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": OFFSET_STREAM, "Content-Length": "5"}
    events = [{"type": "http.request", "body": b"hello", "more_body": False}]
    lines = [(spell(name), value) for name, value in headers.items()]
    answer = await exchange(tus.app, "PATCH", f"/files/{id_of(url)}", lines, events)
    assert answer.status == 204
    assert tus.data(url) == b"hello"


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"], ids=["CORE-68", "CORE-71:PUT", "CORE-71:GET"])
async def test_override_with_patch(tus: Tus, method: str) -> None:
    url = await tus.create(5)
    sent = {"X_HTTP_Method_Override": "PATCH", "Upload_Offset": "0", "Content_Type": OFFSET_STREAM}
    reply = await tus.request(method, url, b"hello", **sent)
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, "5")
    assert tus.data(url) == b"hello"


async def test_override_with_delete(tus: Tus) -> None:
    """CORE-69."""
    url = await tus.create(5)
    assert (await tus.request("POST", url, X_HTTP_Method_Override="DELETE")).status_code == 204
    assert (await tus.head(url)).status_code == 404
    assert tus.files() == []


async def test_override_with_head(tus: Tus) -> None:
    """CORE-70."""
    url = await tus.create(5, b"he")
    reply = await tus.request("POST", url, X_HTTP_Method_Override="HEAD")
    assert (reply.status_code, reply.content) == (200, b"")
    assert (reply.headers["Upload-Offset"], reply.headers["Upload-Length"]) == ("2", "5")
    assert "no-store" in reply.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("method", "override"),
    [
        pytest.param("POST", "patch", id="CORE-72"),
        pytest.param("POST", "FOO", id="CORE-73"),
        pytest.param("PUT", None, id="CORE-74:PUT"),
        pytest.param("POST", None, id="CORE-74:POST"),
    ],
)
async def test_other_methods_on_an_upload(tus: Tus, method: str, override: str | None) -> None:
    url = await tus.create(5)
    reply = await tus.request(method, url, b"hello", X_HTTP_Method_Override=override)
    assert reply.status_code == 405
    assert reply.headers["Allow"] == "OPTIONS, HEAD, PATCH, GET, DELETE"
    assert tus.data(url) == b""


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "HEAD", "GET", "PUT"])
async def test_other_methods_on_the_creation_url(tus: Tus, method: str) -> None:
    """CORE-32, CORE-74, TERM-13: and nothing happens to the uploads."""
    url = await tus.create(5, b"he")
    reply = await tus.request(method, tus.url)
    assert (reply.status_code, reply.headers["Allow"]) == (405, "OPTIONS, POST")
    assert "Upload-Offset" not in reply.headers
    assert await tus.offset(url) == 2


async def test_creation_below_the_creation_url(tus: Tus) -> None:
    """CREATE-22."""
    reply = await tus.request("POST", tus.url + "0" * 32, Upload_Length="5")
    assert reply.status_code == 405
    assert tus.files() == []


@pytest.mark.parametrize("slash", ["/files", "/files/"], ids=["CORE-09:without", "CORE-09:with"])
async def test_the_last_slash_does_not_matter(tus: Tus, slash: str) -> None:
    assert (await tus.request("OPTIONS", slash)).status_code == 200
    assert (await tus.request("POST", slash, Upload_Length="5")).status_code == 201
    assert len(tus.files()) == 2


async def test_what_is_switched_off_is_no_method(serve: Serve) -> None:
    """TERM-08, CORE-75: the upload stays."""
    tus = await serve(disable_termination=True, disable_download=True)
    url = await tus.create(5, b"hello")
    for reply in (await tus.delete(url), await tus.get(url)):
        assert (reply.status_code, reply.headers["Allow"]) == (405, "OPTIONS, HEAD, PATCH")
    assert tus.data(url) == b"hello"
