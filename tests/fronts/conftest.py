"""The application under test, running on a fresh directory."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fronts.lab import Tus
from tusd_py import Config, create_app

#: Starts an application with these settings and returns its client.
Serve = Callable[..., Awaitable[Tus]]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Start applications that are closed after the test."""
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Tus:
            settings.setdefault("upload_dir", tmp_path / "uploads")
            app = create_app(Config(**settings))
            await stack.enter_async_context(app.lifespan())
            return await stack.enter_async_context(Tus(app, settings["upload_dir"]))

        yield start


@pytest.fixture
async def tus(serve: Serve) -> Tus:
    """A client of an application with default settings."""
    return await serve()
