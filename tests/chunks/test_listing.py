"""Lists of uploads, repeatable creation, and paths in all their forms."""

from collections.abc import Callable

from tests.chunks.lab import Service, problem
from tests.support.tus import sha256


def test_listing_with_filters_and_pages(serve: Callable[..., Service]) -> None:
    api = serve("-list-anonymous").api()
    made = [api.create(size) for size in (10, 20, 20, 30)]
    reply = api.http.post("/files/", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "20"})
    assert reply.status_code == 201
    api.put(made[0], 0, b"x" * 10)
    api.commit(made[0], "0" * 64)

    def ids(**query: object) -> list[str]:
        found = api.http.get("/uploads/", params=query)  # type: ignore[arg-type]
        assert found.status_code == 200, found.text
        assert found.json()["count"] == len(found.json()["results"])
        return [each["id"] for each in found.json()["results"]]

    assert len(ids()) == 5
    assert ids(size=20, protocol="native") == [made[1]["id"], made[2]["id"]]
    assert len(ids(protocol="tus")) == len(ids(kind="single")) == 1
    assert ids(kind="session", state="open", expired="false") == [each["id"] for each in made]
    assert ids(state="completed") == ids(expired="true") == ids(kind="final") == []
    page = api.http.get("/uploads", params={"limit": 2, "protocol": "native"}).json()
    assert (page["count"], page["previous"], len(page["results"])) == (4, None, 2)
    assert "chunks" not in page["results"][0]
    page = api.http.get(page["next"]).json()
    assert [each["id"] for each in page["results"]] == [made[2]["id"], made[3]["id"]]
    assert page["next"] is None
    assert len(api.http.get(page["previous"]).json()["results"]) == 2
    for query in ({"state": "x"}, {"limit": "-1"}, {"kind": "x"}, {"size": "x"}, {"expired": "1"}):
        problem(api.http.get("/uploads/", params=query), "invalid-field", 400)


def test_what_only_its_id_protects_is_not_listed(serve: Callable[..., Service]) -> None:
    """Unless a setting says so: else a list would hand out every upload that was made without a user."""
    api = serve().api()
    upload = api.create(10)
    problem(api.http.get("/uploads/"), "not-offered", 400)
    problem(api.http.get("/artifacts/"), "not-offered", 400)
    assert api.view(upload)["id"] == upload["id"]


def test_the_api_can_be_switched_off(serve: Callable[..., Service]) -> None:
    api = serve("-disable-api").api()
    assert api.http.get("/uploads/").status_code == 404
    assert api.http.post("/artifacts/").status_code == 404


def test_tus_may_have_the_path(serve: Callable[..., Service]) -> None:
    """Who has used this creation URL so far keeps it."""
    api = serve("-base-path", "/uploads/").api()
    reply = api.http.post("/uploads/", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "20"})
    assert reply.status_code == 201
    problem(api.http.get("/artifacts/"), "not-offered", 400)


def test_r15_creation_can_be_repeated(serve: Callable[..., Service]) -> None:
    """The same key and size give the same upload."""
    server = serve()
    api = server.api()
    headers = {"Idempotency-Key": "build-17-of-2026-11"}
    made = api.http.post("/uploads/", json={"size": 10}, headers=headers)
    again = api.http.post("/uploads/", json={"size": 10}, headers=headers)
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json()["id"] == again.json()["id"]
    assert made.headers["location"] == again.headers["location"] == server.origin + made.json()["href"]
    problem(api.http.post("/uploads/", json={"size": 11}, headers=headers), "invalid-field", 400)
    one, other = {"size": 10, "sha256": sha256(b"1")}, {"size": 10, "sha256": sha256(b"2")}
    assert api.http.post("/uploads/", json=one, headers=headers).json()["id"] == made.json()["id"]
    key = {"Idempotency-Key": "build-18-of-2026-11"}
    assert [api.http.post("/uploads/", json=one, headers=key).status_code for _ in range(2)] == [201, 200]
    problem(api.http.post("/uploads/", json=other, headers=key), "invalid-field", 400)
    api.http.delete(api.http.post("/uploads/", json=one, headers=key).json()["href"])
    assert server.files() == {made.json()["id"], f".{made.json()['id']}.session"}
    api.http.delete(made.json()["href"])
    assert api.http.post("/uploads/", json={"size": 11}, headers=headers).status_code == 201


def test_r24_methods_and_slashes(serve: Callable[..., Service]) -> None:
    """405 lists what is allowed; nothing redirects; HEAD is GET without a body."""
    api = serve("-api-prefix", "/a/b/").api("/a/b")
    upload = api.create(10)
    for path in (upload["href"], upload["href"].rstrip("/")):
        assert api.http.get(path).json()["id"] == upload["id"]
        head = api.http.head(path)
        assert (head.status_code, head.content) == (200, b"")
        options = api.http.options(path)
        assert (options.status_code, options.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PUT")
        reply = api.http.patch(path)
        problem(reply, "method-not-allowed", 405)
        assert reply.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PUT"
    problem(api.http.get("/a/b/uploads/x/y/z"), "not-found", 404)
    assert api.http.get("/uploads/").status_code == 404
    preflight = api.http.options(
        upload["href"], headers={"Origin": "https://a.test", "Access-Control-Request-Method": "PUT"}
    )
    assert preflight.headers["access-control-allow-origin"] == "https://a.test"
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert "Content-Range" in preflight.headers["access-control-allow-headers"]


def test_replacing_chunks(serve: Callable[..., Service]) -> None:
    """As Pulp does today: an identical range takes other bytes; an overlap is refused all the same."""
    server = serve("-on-chunk-conflict", "replace")
    api = server.api()
    upload = api.create(100)
    api.put(upload, 0, b"a" * 50)
    reply = api.put(upload, 0, b"b" * 50)
    assert (reply.status_code, reply.json()["chunk"]["created"]) == (200, True)
    assert (server.upload_dir / upload["id"]).read_bytes()[:50] == b"b" * 50
    problem(api.put(upload, 10, b"c" * 50), "range-overlap", 409)
    found = api.view(upload)
    assert (found["received"], found["chunks_count"]) == (50, 1)
    reply = api.put(upload, 0, b"d" * 50, headers={"Digest": "SHA-256=" + "A" * 43 + "="})
    problem(reply, "chunk-digest-mismatch", 400)
    assert api.view(upload)["received"] == 0, "a failed replacement leaves a gap, not a mix"


def test_limits(serve: Callable[..., Service]) -> None:
    """Refused before anything is allocated."""
    server = serve("-max-size", "1000", "-max-chunk-size", "100", "-advised-chunk-size", "50")
    api = server.api()
    assert problem(api.http.post("/uploads/", json={"size": 1001}), "upload-too-large", 413)["max"] == 1000
    upload = api.create(1000)
    assert upload["advised_chunk_size"] == 50
    assert problem(api.put(upload, 0, b"x" * 101), "chunk-too-large", 413)["max"] == 100
    assert server.files() == {upload["id"], f".{upload['id']}.session"}
