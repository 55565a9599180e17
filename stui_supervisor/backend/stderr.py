"""How the backend says on stderr what went wrong."""

from __future__ import annotations

import sys

from stui_supervisor.errors import SupervisorError
from stui_supervisor.printable import printable


def complain(error: SupervisorError) -> None:
    """Write it as the other commands do: what happened, and on the next line what to do now."""
    hint = f"\n  {printable(error.hint)}" if error.hint else ""
    sys.stderr.write(f"stui-supervisor: {printable(error.message)}{hint}\n")
