"""Applications in this process."""

from tests.support.lab import serve

__all__ = ["serve"]
