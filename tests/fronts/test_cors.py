"""Cross-origin requests (checklist HTTP-01 to HTTP-08)."""

import re

import pytest

from tests.support.lab import Serve, Tus
from tests.support.tus import checksum

pytestmark = pytest.mark.anyio

ORIGIN = "https://app.example"

MUST_ALLOW = """Tus-Resumable Upload-Length Upload-Offset Upload-Metadata Upload-Defer-Length Upload-Concat
    Content-Type Authorization X-HTTP-Method-Override X-Requested-With X-Request-ID Upload-Checksum"""
MUST_EXPOSE = """Location Upload-Offset Upload-Length Upload-Metadata Upload-Defer-Length Upload-Concat
    Tus-Resumable Tus-Version Tus-Extension Tus-Max-Size Upload-Expires Tus-Checksum-Algorithm"""


def listed(value: str) -> set[str]:
    """The items of a comma list."""
    return {item.strip() for item in value.split(",")}


@pytest.mark.parametrize("is_upload", [False, True], ids=["creation URL", "upload"])
async def test_preflight(tus: Tus, is_upload: bool) -> None:
    """HTTP-01, HTTP-02, HTTP-06."""
    url = await tus.create(5) if is_upload else tus.url
    ask = {"Origin": ORIGIN, "Access_Control_Request_Method": "PATCH", "Tus_Resumable": None}
    reply = await tus.request("OPTIONS", url, **ask)
    assert reply.is_success
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert {"POST", "HEAD", "PATCH", "DELETE"} <= listed(reply.headers["Access-Control-Allow-Methods"])
    assert set(MUST_ALLOW.split()) <= listed(reply.headers["Access-Control-Allow-Headers"])
    assert reply.headers["Access-Control-Max-Age"] == "86400"
    assert reply.headers["Vary"] == "Origin"


async def test_answers(tus: Tus) -> None:
    """HTTP-03, HTTP-06."""
    made = await tus.post(5, Origin=ORIGIN)
    url = made.headers["Location"]
    for reply in (
        made,
        await tus.head(url, Origin=ORIGIN),
        await tus.patch(url, 0, b"hello", Origin=ORIGIN),
        await tus.get(url, Origin=ORIGIN),
        await tus.delete(url, Origin=ORIGIN),
    ):
        assert reply.is_success
        assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert set(MUST_EXPOSE.split()) <= listed(reply.headers["Access-Control-Expose-Headers"])
        assert "Access-Control-Allow-Methods" not in reply.headers
        assert reply.headers["Vary"] == "Origin"


async def test_pages_may_use_every_protocol(tus: Tus) -> None:
    """Chunks and downloads as well; what two protocols have is named once."""
    ask = await tus.request("OPTIONS", tus.url, Origin=ORIGIN, Access_Control_Request_Method="PUT")
    allowed = ask.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"Content-Range", "Repr-Digest", "Idempotency-Key", "Range"} <= set(allowed)
    made = await tus.post(5, Origin=ORIGIN)
    exposed = made.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Repr-Digest", "Content-Range", "Content-Disposition", "Retry-After"} <= set(exposed)
    assert (len(allowed), len(exposed)) == (len(set(allowed)), len(set(exposed)))


@pytest.mark.needs("checksum")
async def test_refusals(serve: Serve) -> None:
    """HTTP-04: else the browser hides the status, and the client cannot decide what to do."""
    tus = await serve(max_size=10)
    url = await tus.create(10)
    sent = {"Origin": ORIGIN}
    for status, reply in (
        (404, await tus.head(tus.url + "0" * 32, **sent)),
        (409, await tus.patch(url, 3, b"x", **sent)),
        (412, await tus.head(url, Tus_Resumable="9", **sent)),
        (413, await tus.post(11, **sent)),
        (415, await tus.patch(url, 0, b"x", Content_Type="text/plain", **sent)),
        (460, await tus.patch(url, 0, b"x", Upload_Checksum=checksum(b"y"), **sent)),
        (405, await tus.request("PUT", url, **sent)),
    ):
        assert reply.status_code == status
        assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Upload-Offset" in reply.headers["Access-Control-Expose-Headers"]


async def test_without_an_origin(tus: Tus) -> None:
    """Nothing is said to programs that are no browsers."""
    reply = await tus.post(5)
    assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize("credentials", [False, True])
async def test_credentials(serve: Serve, credentials: bool) -> None:
    """HTTP-05: the origin is named, never ``*``."""
    tus = await serve(cors_allow_credentials=credentials)
    for method in ("OPTIONS", "POST"):
        reply = await tus.request(method, tus.url, Upload_Length="5", Origin=ORIGIN)
        assert reply.headers.get("Access-Control-Allow-Credentials") == ("true" if credentials else None)
        assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("https://app.example", True),
        ("https://app.example.evil.test", False),
        ("https://evil.test/https://app.example", False),
        ("http://app.example", False),
        ("null", False),
        ("", False),
        ("https://appXexample", False),
    ],
)
async def test_which_origins(serve: Serve, origin: str, is_allowed: bool) -> None:
    """HTTP-08: the pattern is one of the whole origin, and nothing happens for others."""
    tus = await serve(cors_allow_origin=re.escape(ORIGIN))
    for method in ("OPTIONS", "POST"):
        reply = await tus.request(method, tus.url, Upload_Length="5", Origin=origin)
        assert reply.is_success is is_allowed
        assert reply.headers.get("Access-Control-Allow-Origin") == (origin if is_allowed else None)
        if not is_allowed:
            assert reply.status_code == 403
            assert reply.text == "ERR_ORIGIN_NOT_ALLOWED: request origin is not allowed\n"
    assert len(tus.files()) == (2 if is_allowed else 0)


async def test_switched_off(serve: Serve) -> None:
    """A proxy in front may do it; then nothing may come twice."""
    tus = await serve(disable_cors=True, cors_allow_origin="none")
    for method in ("OPTIONS", "POST"):
        reply = await tus.request(method, tus.url, Upload_Length="5", Origin=ORIGIN)
        assert reply.is_success
        assert not [name for name in reply.headers if name.startswith("access-control")]


async def test_additions(serve: Serve) -> None:
    tus = await serve(
        cors_allow_methods="LOCK", cors_allow_headers="X-A", cors_expose_headers="X-B", cors_max_age_s=7
    )
    ask = await tus.request("OPTIONS", tus.url, Origin=ORIGIN)
    assert {"LOCK", "PATCH"} <= listed(ask.headers["Access-Control-Allow-Methods"])
    assert {"X-A", "Upload-Offset"} <= listed(ask.headers["Access-Control-Allow-Headers"])
    assert ask.headers["Access-Control-Max-Age"] == "7"
    reply = await tus.post(5, Origin=ORIGIN)
    assert {"X-B", "Upload-Offset"} <= listed(reply.headers["Access-Control-Expose-Headers"])


async def test_a_preflight_needs_no_credentials(serve: Serve) -> None:
    """HTTP-07."""

    async def refuse(_: object) -> None:
        raise AssertionError("asked about a preflight")

    tus = await serve(on_incoming_request=refuse)
    assert (await tus.request("OPTIONS", tus.url, Origin=ORIGIN)).status_code == 200
