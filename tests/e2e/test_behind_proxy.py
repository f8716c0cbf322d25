"""Forwarded header fields name the public URL behind a trusted proxy, and mean nothing elsewhere."""

from tests.support.fixtures import Serve
from tests.support.server import Server
from tests.support.tus import Tus, id_of

FORWARDED = {"X-Forwarded-Host": "uploads.example:8443", "X-Forwarded-Proto": "https"}


def test_forwarded_headers_are_ignored_by_default(server: Server, tus: Tus) -> None:
    """Nobody but a proxy may say where uploads live (a peer's Location followed any client)."""
    for headers in (FORWARDED, {"Forwarded": "host=uploads.example;proto=https"}):
        reply = tus.http.post(server.url, headers={"Upload-Length": "3", **headers})
        assert reply.status_code == 201
        assert "uploads.example" not in reply.headers["Location"]
        assert str(reply.url.join(reply.headers["Location"])).startswith(server.url)


def test_forwarded_headers_count_behind_a_proxy(serve: Serve) -> None:
    """With -behind-proxy the Location is the public one, and a final may name the public URLs."""
    server = serve("-behind-proxy")
    public = "https://uploads.example:8443/files/"
    with Tus(server.url) as tus:
        reply = tus.http.post(server.url, headers={"Upload-Length": "3", **FORWARDED})
        assert reply.headers["Location"].startswith(public)
        forwarded = {"Forwarded": 'for=192.0.2.1;host="uploads.example:8443";proto=https'}
        reply = tus.http.post(server.url, headers={"Upload-Length": "3", **forwarded})
        assert reply.headers["Location"].startswith(public)
        parts = [id_of(tus.create(3, body, Upload_Concat="partial")) for body in (b"abc", b"def")]
        concat = "final;" + " ".join(public + part for part in parts)
        final = tus.http.post(server.url, headers={"Upload-Concat": concat, **FORWARDED})
        assert final.status_code == 201
        assert tus.get(server.url + id_of(final.headers["Location"])).content == b"abcdef"
