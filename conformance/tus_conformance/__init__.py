"""A conformance suite for tus 1.0.0 that any server can be pointed at.

Black box: a URL goes in, a report comes out. It shares no code with any server and needs nothing but
the standard library. Reading order:

* ``requirements.toml``  what is demanded, one entry per requirement
* ``checks/``            how each demand is put to the server, one small function per requirement
* ``tus.py``             the vocabulary those functions are written in
* ``wire.py``            HTTP/1.1 on bare sockets, down to the single byte
* ``runner.py``          which checks run, when, and what their outcome means
* ``report.py``, ``page.py``, ``table.py``   the outcome for machines, browsers and documentation
"""

__version__ = "1.0.0"
