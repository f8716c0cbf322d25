"""A catalog: one SQLite file, shared by the worker processes of a machine."""
