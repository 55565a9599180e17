"""A command as a person types it: copied from the screen into a shell, it means the same words, byte for byte.

Elsewhere than on Windows that is for bash, and for zsh and ksh, which read ``$'…'`` alike. A path need not be text:
what the screen could show otherwise, or not at all, is written as its bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

PROGRAM: Final = "stui-supervisor"

_SHORT: Final = {ord("\n"): "\\n", ord("\t"): "\\t", ord("'"): "\\'", ord("\\"): "\\\\"}
_DEFAULT_PROFILES: Final = (None, "default")


def advised(
    *words: str, home: os.PathLike[str] | str | None = None, profile: str | None = None, encoding: str | None = None
) -> str:
    """The line that runs this program with these words, for this home and this profile."""
    path = None if home is None else os.fspath(home)
    is_like_option = path is not None and path.startswith("-")
    home_words = [] if path is None else [f"--home={path}"] if is_like_option else ["--home", path]
    profile_words = [] if profile in _DEFAULT_PROFILES or profile is None else ["--profile", profile]
    return line((PROGRAM, *home_words, *profile_words, *words), encoding=encoding)


def line(words: Iterable[str], *, encoding: str | None = None) -> str:
    """These words as one line; letters beyond ASCII stay where the ``encoding`` of the screen has them."""
    if os.name == "nt":
        import subprocess  # noqa: PLC0415  # slow to import

        return subprocess.list2cmdline(words)
    return " ".join(_quoted(word, encoding or "ascii") for word in words)


def _quoted(word: str, encoding: str) -> str:
    if word.isascii() and word.replace("-", "").isalnum():
        return word  # as most are
    if word.isprintable() and _is_in(word, encoding):
        import shlex  # noqa: PLC0415  # a start needs no quoting

        return shlex.quote(word)
    shown = (_shown(character, encoding) for character in word)
    return f"$'{''.join(shown)}'"


def _shown(character: str, encoding: str) -> str:
    if ord(character) in _SHORT:
        return _SHORT[ord(character)]
    if character.isprintable() and _is_in(character, encoding):
        return character
    return "".join(f"\\{byte:03o}" for byte in _bytes_of(character))


def _is_in(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return text.isascii()
    return True


def _bytes_of(character: str) -> bytes:
    """As the system has it in a name; half a surrogate pair that stands for no byte is in none."""
    try:
        return os.fsencode(character)
    except UnicodeEncodeError:
        return character.encode("utf-8", "surrogatepass")
