"""The HTTP/1.1 server around the application: uvicorn with a protocol class made for uploads.

The application needs nothing from here; it runs under any ASGI server. What this one adds is offered
in ``scope["extensions"]`` and described in ``tusd_py.http1.exchange``.
"""
