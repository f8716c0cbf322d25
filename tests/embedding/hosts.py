"""Applications for the tests that run a server as a process; named on its command line.

``UPLOAD_DIR`` says where they keep uploads.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from tusd_py import Config, HookReply, Upload, create_app
from tusd_py.fronts.http.caller import HttpRequest

uploads = create_app(Config(upload_dir=Path(os.environ["UPLOAD_DIR"])))


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """What a mount's lifespan needs from its host."""
    async with uploads.lifespan():
        yield


def tell(request: Request, _: Upload) -> HookReply:
    """Answer with the description of the request that completed the upload."""
    return HookReply(headers={"X-Described": json.dumps(HttpRequest(request).describe().as_json())})


#: Tells each client how its request is described to others.
describing = Starlette(
    routes=[
        Mount("/api", create_app(Config(upload_dir=Path(os.environ["UPLOAD_DIR"]), on_upload_finish=tell)))
    ]
)

#: Mounted as the documentation says.
mounted = Starlette(routes=[Mount("/api", uploads)], lifespan=lifespan)

#: Mounted by somebody who did not read it.
forgotten = Starlette(routes=[Mount("/api", uploads)])
