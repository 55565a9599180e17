"""What a witness says when the core has broken a promise."""

from __future__ import annotations


class Violation(AssertionError):
    """An invariant does not hold; the message names it."""


def demand(holds: bool, invariant: str) -> None:
    """Raise Violation unless it holds."""
    if not holds:
        raise Violation(invariant)
