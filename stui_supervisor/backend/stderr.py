"""Reports errors of the backend on stderr."""

from __future__ import annotations

import sys

from stui_supervisor.errors import SupervisorError
from stui_supervisor.printable import printable


def report(error: SupervisorError) -> None:
    """Write what happened, and on the next line what to do now, as the other commands do."""
    hint = f"\n  {printable(error.hint)}" if error.hint else ""
    sys.stderr.write(f"stui-supervisor: {printable(error.message)}{hint}\n")
