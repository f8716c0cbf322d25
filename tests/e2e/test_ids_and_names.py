"""No id or name that a client sends leads out of the upload directory or to a file of the server."""

from pathlib import Path

import httpx
import pytest

from tests.support.server import Server
from tests.support.tus import Tus, Wire, id_of, metadata

#: Ids that must not lead anywhere but to 404 (or 400).
ESCAPES = [
    "..",
    "../secret",
    "../../secret",
    "..%2fsecret",
    "..%2Fsecret",
    "%2e%2e%2fsecret",
    "%2e%2e/secret",
    "..%5csecret",
    "secret%00",
    "%00",
    "a%00b",
    "/secret",
    "%2fetc%2fpasswd",
    "...",
    ".",
    "%2e",
    ".tusd-py",
    "%c0%ae%c0%ae%c0%afsecret",
]


@pytest.fixture
def secret(server: Server) -> Path:
    """A file beside the upload directory that looks like an upload, with an info file of its own."""
    path = server.upload_dir.parent / "secret"
    path.write_bytes(b"the secret")
    info = '{"ID":"secret","Size":10,"SizeIsDeferred":false,"Offset":10,"MetaData":{},"IsPartial":true}'
    path.with_name("secret.info").write_text(info)
    return path


def raw_status(server: Server, method: str, target: str, headers: dict[str, str]) -> int:
    """Send a target that no HTTP library would send as it is."""
    with Wire(server.host_port) as wire:
        wire.request(method, target, headers)
        reply = wire.reply()
    return reply.status if reply is not None else 0


@pytest.mark.parametrize("name", ESCAPES)
def test_id_never_leaves_the_upload_directory(server: Server, tus: Tus, secret: Path, name: str) -> None:
    """HEAD, GET, PATCH and DELETE of such an id find nothing, and nothing outside changes."""
    patch = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "10", "Content-Length": "0"}
    for method, headers in [("HEAD", {}), ("GET", {}), ("PATCH", patch), ("DELETE", {})]:
        status = raw_status(server, method, server.path + name, headers)
        assert 400 <= status < 500, f"{method} {name}: {status}"
    assert secret.read_bytes() == b"the secret"
    assert secret.with_name("secret.info").exists()
    tus.finish(tus.create(3), b"abc")


@pytest.mark.parametrize("name", ESCAPES)
def test_concat_of_a_foreign_file_is_refused(server: Server, tus: Tus, secret: Path, name: str) -> None:
    """``final;`` naming something outside is 4xx (one peer concatenated it, another answered 201)."""
    for url in (server.path + name, server.url + name):
        status = raw_status(
            server, "POST", server.path, {"Upload-Concat": f"final;{url}", "Content-Length": "0"}
        )
        assert 400 <= status < 500, f"{url}: {status}"
    assert secret.read_bytes() == b"the secret"


def test_concat_of_missing_partials_is_refused(tus: Tus) -> None:
    """A partial that is not there is 4xx, not skipped (one peer called the rest complete)."""
    part = tus.create(3, b"abc", Upload_Concat="partial")
    gone = part[:-1] + ("0" if part[-1] != "0" else "1")
    assert 400 <= tus.post(Upload_Concat=f"final;{part} {gone}").status_code < 500
    whole = tus.create(3, b"abc")
    assert 400 <= tus.post(Upload_Concat=f"final;{part} {whole}").status_code < 500


def test_final_upload_needs_no_length(tus: Tus) -> None:
    """A conforming client sends none (a peer answers 400), and the partials may be named by path or URL."""
    parts = [tus.create(3, body, Upload_Concat="partial") for body in (b"abc", b"def")]
    paths = [httpx.URL(part).path for part in parts]
    for names in (parts, paths):
        final = tus.create(Upload_Concat="final;" + " ".join(names))
        head = tus.head(final)
        assert (head.headers["Upload-Length"], head.headers["Upload-Offset"]) == ("6", "6")
        assert tus.get(final).content == b"abcdef"


@pytest.mark.parametrize(
    "filename",
    ["../../escaped", "/tmp/escaped-absolute", "..\\escaped", "a/../../escaped", "nul\0byte", "con\r\nX: y"],
)
def test_file_name_in_metadata_is_never_a_path(server: Server, tus: Tus, filename: str) -> None:
    """Whatever ``filename`` says, the bytes lie under the id (one peer wrote where the client wanted)."""
    around = sorted(path.name for path in server.upload_dir.parent.iterdir())
    url = tus.create(3, b"abc", Upload_Metadata=metadata(filename=filename))
    assert (server.upload_dir / id_of(url)).read_bytes() == b"abc"
    assert sorted(path.name for path in server.upload_dir.parent.iterdir()) == around
    assert not Path("/tmp/escaped-absolute").exists()
    reply = tus.get(url)
    assert reply.content == b"abc"
    assert "x" not in reply.headers


def test_sidecar_files_are_not_downloads(server: Server, tus: Tus) -> None:
    """``<id>.info`` and the server's own folder are not uploads (a peer served them)."""
    url = tus.create(3, b"abc")
    for target in (url + ".info", url + ".lock", server.url + ".tusd-py/catalog.sqlite"):
        assert tus.get(target).status_code == 404
        assert tus.head(target).status_code == 404
        assert tus.delete(target).status_code == 404
    assert tus.get(url).content == b"abc"
