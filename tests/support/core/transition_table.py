"""The table of transitions as a mapping, for tests that look up where a trigger leads."""

from __future__ import annotations

from stui_supervisor.machine.table import TABLE

ALLOWED = {(source, row.trigger): row.target for row in TABLE for source in row.sources}
