"""Run the command line."""

import sys

from benchmarks.cli import main

sys.exit(main())
