"""Compares upload servers with each other: ``python -m benchmarks --help``.

Standard library and a C compiler only. Reading order: ``scenarios`` (what is done to a server),
``rounds`` (in which order), ``bars`` (what we promise), ``report`` and ``chart`` (what comes out).
"""
