"""An application that embeds the server under a prefix, as its users write it; started as a process.

``embedding_app -host HOST -port PORT -upload-dir DIR`` prints the same line as the command. Whatever its
hooks see is appended to ``DIR/../calls`` as lines of JSON, so that it survives ``kill -9``.
"""

import argparse
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from tusd_py import Config, HookReply, Upload, UploadRefused, create_app


class Calls:
    """The hooks of this application: they note what they see, and refuse what a header asks them to."""

    def __init__(self, upload_dir: Path) -> None:
        self._upload_dir = upload_dir
        self._notes = upload_dir.parent / "calls"
        self._restarted = self._notes.exists()

    def note(self, hook: str, **facts: Any) -> None:
        with self._notes.open("a") as notes:
            notes.write(json.dumps({"hook": hook, **facts}) + "\n")

    async def incoming(self, request: Request) -> None:
        if request.headers.get("Authorization") != "Bearer let-me-in":
            raise UploadRefused("who are you?", status=401, headers={"WWW-Authenticate": "Bearer"})

    async def create(self, request: Request, upload: Upload) -> Mapping[str, str | bytes] | None:
        self.note("create", id=upload.id, length=upload.length)
        if upload.metadata.get("filename") == b"refused":
            raise UploadRefused("not this one", status=403)
        if "x-rename" in request.headers:
            return {**upload.metadata, "filename": request.headers["x-rename"]}
        return None

    def finish(self, request: Request, upload: Upload) -> HookReply:
        # Not async: it runs in a thread, so that an application may block here, as this one does.
        self.note("finishing", id=upload.id)
        time.sleep(5.0 if upload.metadata.get("filename") == b"slow" and not self._restarted else 0.05)
        path = self._upload_dir / upload.id
        self.note("finish", id=upload.id, size=path.stat().st_size if path.exists() else None)
        return HookReply(headers={"X-Finished": upload.id}, body='{"finished": true}')

    def terminate(self, request: Request, upload: Upload) -> None:
        self.note("terminate", id=upload.id)
        if upload.metadata.get("filename") == b"precious":
            raise UploadRefused("keep it", status=409)


def application(upload_dir: Path) -> Starlette:
    """The host application: uploads under ``/api/v1``, and a page of its own."""
    calls = Calls(upload_dir)
    uploads = create_app(
        Config(
            upload_dir=upload_dir,
            on_incoming_request=calls.incoming,
            on_upload_create=calls.create,
            on_upload_finish=calls.finish,
            on_upload_terminate=calls.terminate,
        )
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # Starlette does not run the lifespan of what is mounted in it.
        async with uploads.lifespan():
            yield

    async def page(_: Request) -> PlainTextResponse:
        return PlainTextResponse("the host's own page")

    return Starlette(routes=[Route("/", page), Mount("/api/v1", app=uploads)], lifespan=lifespan)


def main() -> None:
    """Listen, say where, and serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-host", required=True)
    parser.add_argument("-port", type=int, required=True)
    parser.add_argument("-upload-dir", type=Path, required=True)
    arguments = parser.parse_args()
    listener = socket.create_server((arguments.host, arguments.port))
    port = listener.getsockname()[1]
    config = uvicorn.Config(application(arguments.upload_dir), log_level="warning")

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            print(f"You can now upload files to: http://127.0.0.1:{port}/api/v1/files/", flush=True)

    Announcing(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
