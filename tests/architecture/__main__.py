"""``python -m tests.architecture`` draws the plan of the rooms again in ``docs/architecture.md``."""

from __future__ import annotations

from tests.architecture.plan import PAGE, page_with_plan

PAGE.write_text(page_with_plan(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
