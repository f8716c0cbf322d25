"""``python -m tusd_py``: the same as ``tusd-py``."""

import sys

from tusd_py.command.main import main

sys.exit(main())
