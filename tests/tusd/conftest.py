"""Servers as users run them, and a certificate."""

from pathlib import Path

import pytest

from tests.support.fixtures import serve
from tests.support.tls import make_certificate

__all__ = ["serve"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    place = tmp_path_factory.mktemp("tls")
    certificate, key = place / "certificate.pem", place / "key.pem"
    make_certificate(certificate, key)
    return certificate, key
