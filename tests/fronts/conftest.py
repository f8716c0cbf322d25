"""Applications in this process."""

from tests.support.lab import serve, tus

__all__ = ["serve", "tus"]
