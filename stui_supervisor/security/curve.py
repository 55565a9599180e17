"""The keys of an encrypted link (CURVE, ZeroMQ RFC 26), as text in Z85 (RFC 32)."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from stui_supervisor.errors import ConfigurationError
from stui_supervisor.security.secret import Secret

_DIGITS: Final = {
    character: value
    for value, character in enumerate(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    )
}
_KEY_LENGTH: Final = 40
_GROUP: Final = 5  # characters that stand for four bytes
_GROUP_MAX: Final = 2**32
_SHOWN: Final = 16  # digits of a fingerprint; enough to tell keys apart by eye


class CurveKeys(NamedTuple):
    """What one encrypted link needs: the backend's pinned public key, and our own pair."""

    server: str
    public: str
    secret: Secret


def checked_key(text: str) -> str:
    """The key, if it is one. Raises ConfigurationError."""
    groups = [text[start : start + _GROUP] for start in range(0, len(text), _GROUP)]
    if len(text) != _KEY_LENGTH or not all(_is_group(group) for group in groups):
        hint = f"a key is {_KEY_LENGTH} characters of Z85, as the backend prints it; put it in quotes"
        raise ConfigurationError(f"{text[: 2 * _KEY_LENGTH]!a} is not a CURVE key", hint=hint)
    return text


def fingerprint(key: str) -> str:
    """A short form of a public key for people to compare: the start of the SHA-256 of its text."""
    digits = hashlib.sha256(key.encode()).hexdigest()[:_SHOWN]
    return "-".join(digits[start : start + 4] for start in range(0, _SHOWN, 4))


def _is_group(group: str) -> bool:
    """True for five characters whose value fits four bytes."""
    value = 0
    for character in group:
        digit = _DIGITS.get(character)
        if digit is None:
            return False
        value = value * len(_DIGITS) + digit
    return value < _GROUP_MAX
