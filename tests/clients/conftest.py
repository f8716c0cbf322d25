"""Fixtures of the client tests."""

from tests.support.fixtures import serve, server, tus

__all__ = ["serve", "server", "tus"]
