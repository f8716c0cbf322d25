"""tusd-py: a resumable upload server, as a command and as an ASGI application.

Where to look: ``model.upload`` (what an upload is), ``service`` (every rule), ``fronts`` (HTTP),
``protocol`` (grammar of the headers), ``store``, ``catalog`` and ``locks`` (bytes, facts and who may
change them), ``server`` (the HTTP server that the command runs), ``app`` (how it is put together).
"""

from tusd_py.app import UploadApp, create_app
from tusd_py.config import Config
from tusd_py.errors import UploadRefused
from tusd_py.hooks.base import HookReply
from tusd_py.model.upload import Upload

__all__ = ["Config", "HookReply", "Upload", "UploadApp", "UploadRefused", "create_app"]
