"""What every test may rely on."""

import os

import pytest
from hypothesis import settings

# A slow machine is no fault of the code; time is asserted where it matters.
settings.register_profile("tests", deadline=None, max_examples=100)
settings.load_profile("tests")

# One process for each server that a test starts; those that need several, or what is the default, say so.
os.environ["TUSD_PY_WORKERS"] = "1"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the server does."""
    return "asyncio"
