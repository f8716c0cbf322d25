"""Fixtures of the tests of the documentation."""

from tests.support.fixtures import serve

__all__ = ["serve"]
