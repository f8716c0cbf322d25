"""Bytes of a request on their way to a data store."""
