"""What a backend calls an image or a client: any JSON value, compared in one form and shown in another.

Compared is the canonical JSON, so that the number 7 and the text "7" are two names. Shown is a text as it
is, and of any other value its canonical JSON. Above ``IDENTITY_MAX_BYTES`` both are the SHA-256 of the
canonical JSON: ``sha256:`` and its hex digits. No JSON begins with that, so a text that looks like a digest
is never equal to one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from stui_supervisor.config import IDENTITY_MAX_BYTES

_DIGEST: Final = "sha256:"


@dataclass(frozen=True, slots=True)
class Identity:
    """One name. ``canonical`` is what counts, ``text`` what is shown, as it came from outside."""

    canonical: str
    text: str = field(compare=False)

    @classmethod
    def stored(cls, text: str, canonical: str | None = None) -> Identity:
        """The name that a record holds as it was shown; without a canonical form that belongs to it, it was a text."""
        if canonical is not None and text in _ways_to_show(canonical):
            return cls(canonical, text)
        return cls(_bounded(_canonical(text)), text)

    @classmethod
    def of_canonical(cls, canonical: object) -> Identity | None:
        """The name that has this canonical form; None for what is none."""
        shown = _ways_to_show(canonical) if isinstance(canonical, str) else ()
        return cls(str(canonical), shown[0]) if shown else None

    @property
    def is_text_as_shown(self) -> bool:
        """True when ``text`` alone says which name it is."""
        return self.canonical == _bounded(_canonical(self.text))

    @property
    def value(self) -> Any:
        """The JSON value; None where only its digest is known."""
        try:
            return None if self.canonical.startswith(_DIGEST) else json.loads(self.canonical)
        except ValueError:  # a record is a file, which may say anything
            return None

    @property
    def in_short(self) -> Identity:
        """The same name, shown as its digest."""
        return Identity(self.canonical, _digest_of(self.canonical))

    def satisfies(self, pin: str) -> bool:
        """Whether a person who pinned this meant that image.

        That is the text shown, the text itself at full length, or the value's canonical JSON at full length.
        """
        is_json_of_it = not pin.startswith(_DIGEST) and _bounded(pin) == self.canonical  # no JSON begins like a digest
        return pin == self.text or is_json_of_it or identity_of(pin) == self


def identity_of(value: Any) -> Identity | None:
    """The name that a JSON value is. None for null and an empty text: they name nothing, and are no evidence."""
    if value is None or value == "":
        return None
    canonical = _canonical(value)
    shown = value if isinstance(value, str) else canonical
    bounded = _bounded(canonical)
    return Identity(bounded, shown if _size(shown) <= IDENTITY_MAX_BYTES else bounded)


def differ(one: Identity | None, other: Identity | None) -> bool:
    """True when both are named, and not alike; a name that is missing on one side is no evidence."""
    return one is not None and other is not None and one != other


def _ways_to_show(canonical: str) -> tuple[str, ...]:
    if canonical.startswith(_DIGEST):
        return (canonical,)
    try:
        name = identity_of(json.loads(canonical))
    except (ValueError, RecursionError):
        return ()
    return (name.text, _digest_of(canonical)) if name is not None and name.canonical == canonical else ()


def _canonical(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    """A whole number is one number, however it is written (RFC 8785)."""
    match value:
        case float():
            return int(value) if value.is_integer() else value
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return value


def _bounded(text: str) -> str:
    return text if _size(text) <= IDENTITY_MAX_BYTES else _digest_of(text)


def _digest_of(canonical: str) -> str:
    return canonical if canonical.startswith(_DIGEST) else _DIGEST + sha256(_bytes(canonical)).hexdigest()


def _size(text: str) -> int:
    return len(_bytes(text))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")  # of a pin, which may come from a terminal; a backend's are whole
