"""A server that stores other bytes than it gets: ``lying_server.py PORT DIRECTORY HOW``.

It speaks as much of tus and of the chunk API as the benchmarks do. HOW: ``change`` turns one byte of every
body around, ``lose`` forgets the last one, ``change-patches`` is honest with chunks, ``wrong-digest`` is
honest with all bytes and not with the digest of the whole.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

_IDS = count()
_PORT, _DIRECTORY, _HOW = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]


def _spoilt(body: bytes) -> bytes:
    middle = len(body) // 2
    if _HOW == "lose":
        return body[:-1]
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


class _Liar(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_OPTIONS(self) -> None:
        self._answer(204, {"Tus-Version": "1.0.0"})

    def do_GET(self) -> None:
        self._tell(200, {"paths": ["/uploads/{id}/commit"]})

    def do_POST(self) -> None:
        name, body = str(next(_IDS)), self._body()
        if self.path.startswith("/files/"):
            self._answer(201, {"Location": f"/files/{name}"})
            return
        with (_DIRECTORY / name).open("wb") as file:
            file.truncate(json.loads(body)["size"])
        self._tell(201, {"href": f"/uploads/{name}/", "tus_url": f"/files/{name}"})

    def do_PUT(self) -> None:
        name, body = self.path.split("/")[2], self._body()
        if self.path.endswith("commit"):
            sha256 = "0" * 64 if _HOW == "wrong-digest" else json.loads(body)["sha256"]
            self._tell(200, {"state": "completed", "sha256": sha256})
            return
        start = int(self.headers["Content-Range"].removeprefix("bytes ").partition("-")[0])
        with (_DIRECTORY / name).open("r+b") as file:
            os.pwrite(file.fileno(), _spoilt(body) if _HOW in ("change", "lose") else body, start)
        self._tell(200, {})

    def do_PATCH(self) -> None:
        body = self._body()
        stored = body if _HOW == "wrong-digest" else _spoilt(body)
        (_DIRECTORY / self.path.rpartition("/")[2]).write_bytes(stored)
        self._answer(204, {"Upload-Offset": str(len(body))})

    def do_DELETE(self) -> None:
        self._answer(204, {})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _tell(self, status: int, fields: dict[str, object]) -> None:
        self._answer(status, {"Content-Type": "application/json"}, json.dumps(fields).encode())

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", _PORT), _Liar).serve_forever()
