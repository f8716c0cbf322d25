"""The checks, one small function per requirement, in modules by area.

A check sets up with ``t.new``, ``t.filled`` or ``t.finished``, acts, and demands. What it raises or
collects becomes the verdict; see ``tus_conformance.outcome``.
"""
