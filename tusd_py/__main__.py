"""``python -m tusd_py``: the same as ``tusd-py``."""

import sys

from tusd_py.cli import main

sys.exit(main())
