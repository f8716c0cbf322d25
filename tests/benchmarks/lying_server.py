"""A tus server that turns one byte of every body around: ``lying_server.py PORT DIRECTORY``."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

_IDS = count()


class _Liar(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_OPTIONS(self) -> None:
        self._answer(204, {"Tus-Version": "1.0.0"})

    def do_POST(self) -> None:
        self._answer(201, {"Location": f"/files/{next(_IDS)}"})

    def do_PATCH(self) -> None:
        body = bytearray(self.rfile.read(int(self.headers["Content-Length"])))
        body[len(body) // 2] ^= 1
        (Path(sys.argv[2]) / self.path.rpartition("/")[2]).write_bytes(body)
        self._answer(204, {"Upload-Offset": str(len(body))})

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Liar).serve_forever()
