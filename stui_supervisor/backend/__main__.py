"""``python -m stui_supervisor.backend``."""

import sys

from stui_supervisor.backend import main

sys.exit(main())
