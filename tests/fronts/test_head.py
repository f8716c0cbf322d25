"""HEAD, and ids that are none (checklist CORE 1.3)."""

import pytest

from tests.support.lab import Tus

pytestmark = pytest.mark.anyio


async def test_head_of_a_new_upload(tus: Tus) -> None:
    """CORE-23, 24, 25, 26, 34; CREATE-04, CREATE-27, DEFER-24, EXPIRE-06."""
    reply = await tus.head(await tus.create(10))
    assert reply.status_code == 200
    assert reply.headers["Upload-Offset"] == "0"
    assert reply.headers["Upload-Length"] == "10"
    assert reply.headers["Cache-Control"] == "no-store"
    assert "Upload-Expires" in reply.headers
    for absent in ("Content-Length", "Upload-Metadata", "Upload-Defer-Length", "Upload-Concat"):
        assert absent not in reply.headers


async def test_head_follows_the_bytes(tus: Tus) -> None:
    """CORE-27, 28, 31: the same until something is written; a complete upload still has both numbers."""
    url = await tus.create(10)
    await tus.patch(url, 0, b"abcd")
    assert [await tus.offset(url) for _ in range(3)] == [4, 4, 4]
    await tus.patch(url, 4, b"efghij")
    reply = await tus.head(url)
    assert (reply.headers["Upload-Offset"], reply.headers["Upload-Length"]) == ("10", "10")


async def test_head_of_nothing(tus: Tus) -> None:
    """CORE-29, CORE-30."""
    reply = await tus.head(tus.url + "0" * 32)
    assert (reply.status_code, reply.content) == (404, b"")
    assert "Upload-Offset" not in reply.headers
    assert "Content-Length" not in reply.headers
    assert reply.headers["Tus-Resumable"] == "1.0.0"


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/secret",
        "%00",
        "a%2fb",
        "%ff%fe",
        "%2e",
        ".tusd-py",
        ".tusd-py/catalog.sqlite3",
        "a" * 8192,
        "{id}.info",
        "{id}.lock",
        "{id}%00",
        "{id}%0a",
        "{id}/x",
    ],
)
@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE", "GET"])
async def test_names_that_are_no_uploads(tus: Tus, name: str, method: str) -> None:
    """CORE-35: refused, and nothing is touched in the directory or beside it."""
    secret = tus.directory.parent / "secret"
    secret.write_bytes(b"secret")
    url = await tus.create(5)
    before = tus.files()
    target = tus.url + name.replace("{id}", url.rpartition("/")[2])
    headers = {"Upload_Offset": "0", "Content_Type": "application/offset+octet-stream"}
    reply = await tus.request(method, target, b"hello" if method == "PATCH" else None, **headers)
    assert reply.status_code == 404
    assert b"secret" not in reply.content
    assert tus.files() == before
    assert (secret.read_bytes(), tus.data(url)) == (b"secret", b"")


@pytest.mark.needs("files")
async def test_a_symlink_is_no_upload(tus: Tus) -> None:
    """CORE-35: somebody may be able to place one in the directory; it leads nowhere."""
    secret = tus.directory.parent / "secret"
    secret.write_bytes(b"secret")
    url = await tus.create(6, b"public")
    (tus.directory / url.rpartition("/")[2]).unlink()
    (tus.directory / url.rpartition("/")[2]).symlink_to(secret)
    tus.sql("UPDATE uploads SET state = 'open', length = 20")
    for reply in (await tus.patch(url, 6, b"overwritten"), await tus.patch(url, 0, b"overwritten")):
        assert not reply.is_success
    assert secret.read_bytes() == b"secret"
