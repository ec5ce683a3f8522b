"""`python -m pipeline` is the command `everlong`."""

import sys

from pipeline.cli import main

sys.exit(main())
