"""What bounds the cost of hostile code. A work unit is what handling the smallest value costs."""

from __future__ import annotations

from typing import Final

MAX_TOKENS: Final = 20_000  # of one piece of code; a screenful has a few hundred
TOKEN_COST: Final = 500  # work units of reading one of them
MAX_DEPTH: Final = 50  # of parentheses; keeps far from Python's own limit
MAX_BITS: Final = 150_000  # of one integer; 10000 factorial has 118,458
MAX_TEXT: Final = 9_000_000  # characters of one string; its print string still fits a message
MAX_COST: Final = 100_000_000  # work units of one evaluation; half a second at most
MAX_DELAY_S: Final = 86_400.0  # one Delay; longer ones are typing mistakes
WORKSPACE_MAX_COST: Final = 50_000_000  # work units that all variables of one workspace may weigh
