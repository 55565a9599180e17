"""Text from outside, made safe to show: the one place where control characters go."""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` on one line, without anything that moves a cursor, colours, rings or reorders.

    Line ends, tabs and odd spaces become a space. Other characters that draw nothing are left out:
    control characters, invisible formatting such as the bidirectional overrides, lone surrogates.
    What remains of an escape sequence is harmless text, and shows that somebody sent one.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " if character.isspace() else "" for character in text)
