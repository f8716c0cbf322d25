"""Tests of what only a data store that is a directory has."""
