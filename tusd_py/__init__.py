"""tusd-py: a resumable upload server, as a command and as an ASGI application.

Where to look: ``model`` (what an upload is), ``service`` (every rule), ``ports`` (what the rules need of the
outside) and ``adapters`` (where they get it: files, SQLite, the kernel's locks), ``fronts`` (HTTP, a package
for each protocol), ``http1`` (the HTTP server of the command), ``assembly`` (how it is put together).
"""

from tusd_py.application import UploadApp, create_app
from tusd_py.errors.uploads import UploadRefused
from tusd_py.model.events import EventType
from tusd_py.model.upload import Upload
from tusd_py.ports.hooks import HookReply
from tusd_py.settings import Config

__all__ = ["Config", "EventType", "HookReply", "Upload", "UploadApp", "UploadRefused", "create_app"]
