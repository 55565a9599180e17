"""A text that does not show itself."""

from __future__ import annotations

import json
from typing import Final

MASK: Final = "********"


class Secret:
    """Holds a token; only ``reveal()`` gives it away, no ``repr``, ``str``, format or pickle does."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def spellings(self) -> tuple[str, ...]:
        """How JSON within JSON, JSON and a plain text write it.

        The longest escapes come first: within them the shorter ones stand, and would leave the rest behind.
        """
        escaped = json.dumps(self._text)[1:-1]
        return json.dumps(escaped)[1:-1], escaped, json.dumps(self._text, ensure_ascii=False)[1:-1], self._text

    def hidden_in(self, text: str) -> str:
        """The text without this one, for what somebody repeats, also within JSON that it quotes."""
        for spelling in self.spellings():
            text = text.replace(spelling, MASK)
        return text

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, _: str) -> str:
        return MASK

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)
