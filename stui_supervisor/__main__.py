"""``python -m stui_supervisor`` is the command ``stui-supervisor``."""

from __future__ import annotations

import sys

from stui_supervisor.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
