"""Requests and connections: what the application sees, and which request comes next."""

from __future__ import annotations

import pytest

from .client import Server, chunked


def test_the_scope_says_what_the_client_asked(server: Server) -> None:
    with server.connect() as client:
        seen = client.ask(
            "PATCH /scope/a%20b%2Fc?x=%201&y", "Upload-Offset: 7", "X-Two: 1", "X-Two: 2"
        ).json()
    assert seen["method"] == "PATCH"
    assert seen["path"] == "/scope/a b/c"
    assert seen["raw_path"] == "/scope/a%20b%2Fc"
    assert seen["query_string"] == "x=%201&y"
    assert seen["http_version"] == "1.1"
    assert seen["scheme"] == "http"
    assert seen["server"] == ["127.0.0.1", server.port]
    assert seen["client"][0] == "127.0.0.1"
    assert seen["headers"] == [["host", "lab"], ["upload-offset", "7"], ["x-two", "1"], ["x-two", "2"]]


def test_a_target_in_absolute_form_is_understood(server: Server) -> None:
    with server.connect() as client:
        seen = client.ask("GET http://lab:99/scope/a?b=/c").json()
    assert (seen["path"], seen["query_string"]) == ("/scope/a", "b=/c")


def test_a_connection_serves_many_requests(server: Server) -> None:
    with server.connect() as client:
        for number in range(5):
            body = b"x" * number
            client.put(f"/write/many-{number}", body)
            assert client.answer().json()["count"] == number
        assert client.ask("GET /hello").json() == "hello"


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    with server.connect() as client:
        put = b"PUT /write/pipe-%d HTTP/1.1\r\nHost: lab\r\nContent-Length: 5\r\n\r\n12345"
        coded = b"PUT /write/pipe-c HTTP/1.1\r\nHost: lab\r\nTransfer-Encoding: chunked\r\n\r\n"
        slow = b"GET /slow/0.05 HTTP/1.1\r\nHost: lab\r\n\r\n"
        client.send(
            slow + put % 1 + coded + chunked(b"abc", b"defg") + put % 2 + slow + b"GET /hello HTTP/1.1\r\n"
        )
        client.send(b"Host: lab\r\n\r\n")
        answers = [client.answer() for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 6
    assert [server.read(f"pipe-{name}") for name in "1c2"] == [b"12345", b"abcdefg", b"12345"]
    assert answers[5].json() == "hello"


def test_a_flood_of_pipelined_requests_is_held_back_and_answered(server: Server) -> None:
    request = b"GET /slow/0 HTTP/1.1\r\nHost: lab\r\nX: " + b"x" * 1000 + b"\r\n\r\n"
    with server.connect() as client:
        client.send(request * 400)
        assert all(client.answer().status == 200 for _ in range(400))


def test_http_1_0_gets_a_body_that_the_end_of_the_connection_ends(server: Server) -> None:
    with server.connect() as client:
        answer = client.ask("GET /stream HTTP/1.0")
    assert answer.headers["connection"] == "close"
    assert "transfer-encoding" not in answer.headers
    assert answer.body == b"0,1,2,"


def test_connection_close_is_honoured(server: Server) -> None:
    with server.connect() as client:
        answer = client.ask("GET /hello", "Connection: close")
        assert answer.headers["connection"] == "close"
        assert client.closed()


def test_an_upgrade_is_ignored(server: Server) -> None:
    with server.connect() as client:
        offer = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
        assert client.ask("GET /hello", *offer).json() == "hello"
        client.request("PUT /write/upgrade", *offer, "Content-Length: 3", body=b"abc")
        assert client.answer().json()["count"] == 3
        assert client.ask("GET /hello").json() == "hello"


def test_a_request_byte_by_byte(server: Server) -> None:
    with server.connect() as client:
        for byte in b"PUT /write/drip HTTP/1.1\r\nHost: lab\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(
            b"ab"
        ):
            client.send(bytes([byte]))
        assert client.answer().json()["count"] == 2
    assert server.read("drip") == b"ab"


def test_an_empty_line_before_a_request_is_skipped(server: Server) -> None:
    with server.connect() as client:
        client.send(b"\r\n\r\n")
        assert client.ask("GET /hello").json() == "hello"


def test_lines_may_end_in_a_bare_lf(server: Server) -> None:
    """RFC 9112, section 2.2; tusd's own end-to-end suite sends such heads. The body is left as it is."""
    body = b"a\nb\n\nc\r\n"
    with server.connect() as client:
        client.send(b"PUT /write/lf HTTP/1.1\nHost: lab\nContent-Length: %d\n\n" % len(body) + body)
        assert client.answer().json()["count"] == len(body)
        assert client.ask("GET /hello").json() == "hello"
    assert server.read("lf") == body


@pytest.mark.parametrize(
    "head",
    [
        b"GET /hello HTTP/1.1\nHost: lab\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: lab\n\n",
        b"GET /hello HTTP/1.1\r\nHost: lab\n\r\n",
        b"GET /hello HTTP/1.1\nHost: lab\n\r\n",
        b"GET /hello HTTP/1.1\nHost: lab\n\nGET /scope HTTP/1.1\r\nHost: lab\r\n\r\n",
    ],
)
def test_lines_that_end_in_both_ways_are_refused_at_once(server: Server, head: bytes) -> None:
    """Where a proxy sees other lines than we do, a request can hide; and nobody waits for a time-out."""
    with server.connect() as client:
        client.send(head)
        assert client.answer().status == 400


def test_a_half_closed_client_gets_its_answers(server: Server) -> None:
    with server.connect() as client:
        client.send(b"GET /slow/0.1 HTTP/1.1\r\nHost: lab\r\n\r\nGET /hello HTTP/1.1\r\nHost: lab\r\n\r\n")
        client.fin()
        assert client.answer().json() == "done"
        assert client.answer().json() == "hello"
        assert client.closed()


def test_a_pipeline_before_a_fin_is_answered_to_its_end(server: Server) -> None:
    with server.connect() as client:
        client.send(b"GET /hello HTTP/1.1\r\nHost: lab\r\n\r\n" * 20)
        client.fin()
        assert [client.answer().json() for _ in range(20)] == ["hello"] * 20
        assert client.closed()


def test_the_application_learns_of_a_disconnect_after_the_body(server: Server) -> None:
    with server.connect() as client:
        client.request("GET /wait/gone")
        assert client.silent(0.1)
        client.rst()
    assert server.result("gone") == {"type": "http.disconnect", "ended": "disconnected"}


def test_tls_serves_the_same(tls_server: Server) -> None:
    with tls_server.connect() as client:
        assert client.ask("GET /scope").json()["scheme"] == "https"
        assert client.ask("GET /hello").json() == "hello"


# 100-continue


def test_100_continue_is_sent_when_the_body_is_asked_for(server: Server) -> None:
    with server.connect() as client:
        client.request("PUT /receive/expected?wait=0.2", "Content-Length: 3", "Expect: 100-continue")
        assert client.silent(0.1)
        assert client.take(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abc")
        assert client.answer().json()["count"] == 3
        client.request("PUT /write/expected", "Content-Length: 4", "Expect: 100-Continue")
        assert client.take(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abcd")
        assert client.answer().json()["count"] == 4
    assert server.read("expected") == b"abcd"


def test_a_refusal_comes_instead_of_100_continue_and_ends_the_connection(server: Server) -> None:
    with server.connect() as client:
        client.request("PUT /refuse", "Content-Length: 3", "Expect: 100-continue")
        answer = client.answer()
        assert (answer.status, answer.interim) == (409, [])
        assert answer.headers["connection"] == "close"
        client.send(b"GET /hello HTTP/1.1\r\nHost: lab\r\n\r\n")
        assert client.closed()


def test_no_100_for_a_body_that_is_already_there_or_for_http_1_0(server: Server) -> None:
    with server.connect() as client:
        client.put("/write/eager", b"abc", "Expect: 100-continue")
        answer = client.answer()
        assert (answer.interim, answer.json()["count"]) == ([], 3)
        client.request("PUT /write/old HTTP/1.0", "Content-Length: 3", "Expect: 100-continue")
        assert client.silent(0.1)
        client.send(b"abc")
        assert client.answer().interim == []
