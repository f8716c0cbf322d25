"""What every test may rely on."""

import pytest
from hypothesis import settings

# A slow machine is no fault of the code; time is asserted where it matters.
settings.register_profile("tests", deadline=None, max_examples=100)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the server does."""
    return "asyncio"
