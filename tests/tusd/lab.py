"""A real tusd, where there is one."""

import os
import shutil

import pytest

#: A real tusd, or None.
TUSD = os.environ.get("TUSD_BINARY") or shutil.which("tusd")
needs_tusd = pytest.mark.skipif(TUSD is None, reason="no tusd: TUSD_BINARY does not name it, PATH has none")
