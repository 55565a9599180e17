"""What a test measured, in the words that the summary of a run shows."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def figures(measured: Sequence[float]) -> str:
    """How many there are, their median and their ends."""
    return f"n={len(measured)} median={median(measured):.3g} least={min(measured):.3g} most={max(measured):.3g}"
