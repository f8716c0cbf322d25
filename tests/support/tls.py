"""Certificates for this host."""

import subprocess
from pathlib import Path

_MAKE = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=lab"


def make_certificate(certificate: Path, key: Path) -> None:
    """Write a certificate that holds for 127.0.0.1, and its key; both may be one file."""
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    command: list[str | Path] = [*_MAKE.split(), *names, "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
