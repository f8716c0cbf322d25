"""Applications for the tests that run a server as a process; named on its command line.

``UPLOAD_DIR`` says where they keep uploads.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount

from tusd_py import Config, create_app

uploads = create_app(Config(upload_dir=Path(os.environ["UPLOAD_DIR"])))


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """What a mount's lifespan needs from its host."""
    async with uploads.lifespan():
        yield


#: Mounted as the documentation says.
mounted = Starlette(routes=[Mount("/api", uploads)], lifespan=lifespan)

#: Mounted by somebody who did not read it.
forgotten = Starlette(routes=[Mount("/api", uploads)])
