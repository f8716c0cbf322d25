"""A tus server that is right by default and wrong on demand; for tests of the conformance suite only.

Every fault has a world of its own: the server at ``/NAME/files/`` has the fault ``NAME`` and nothing else
wrong, so that one process serves all faults at once. ``/none/files/`` has no fault.
"""
