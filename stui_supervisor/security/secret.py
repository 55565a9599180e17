"""A text that does not show itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from stui_supervisor.security.spellings import Spellings

MASK: Final = "********"


class Secret:
    """Holds a token; only ``reveal()`` gives it away, no ``repr``, ``str``, format or pickle does."""

    __slots__ = ("_spellings", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._spellings: Spellings | None = None

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def is_in(self, said: bytes) -> bool:
        """True when somebody quotes it here, in whatever spelling; also when that takes too long to see."""
        return bool(self._known_spellings().spans(said))

    def hidden_in(self, text: str) -> str:
        """The text without this one, for what somebody repeats, in whatever spelling."""
        said = text.encode("utf-8", "surrogatepass")
        spans = self._known_spellings().spans(said)
        if not spans:
            return text
        from stui_supervisor.security.spellings import without  # noqa: PLC0415  # see below

        hidden = without(said, spans, MASK.encode())
        try:
            return hidden.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:  # its last byte was the first one of a character
            return hidden.decode("utf-8", "replace")

    def _known_spellings(self) -> Spellings:
        if self._spellings is None:
            from stui_supervisor.security.spellings import Spellings  # noqa: PLC0415  # no start without a token waits for it

            self._spellings = Spellings(self._text)
        return self._spellings

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
