"""Moves the bytes of a request to a data store."""
