"""What can be a token: the one check of what a person gives for one, however he gives it."""

from __future__ import annotations

from typing import Final

from stui_supervisor.config import TOKEN_MAX_LENGTH, TOKEN_MIN_LENGTH
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.security.secret import Secret

_QUOTES: Final = ("'", '"', "`")
_LINE_ENDS: Final = "\r\n"  # a file of one line ends with one, and a shell or a container may hand it on


def checked_token(text: str, *, named: str, hint: str) -> Secret:
    """The token without the end of its line. Raises ConfigurationError, which does not show it, for what can be none.

    ``named`` is what the message calls it.
    """
    token = text.rstrip(_LINE_ENDS)
    if len(token) < TOKEN_MIN_LENGTH:
        raise ConfigurationError(f"{named} has at least {TOKEN_MIN_LENGTH} characters", hint=hint)
    if len(token) > TOKEN_MAX_LENGTH or not token.isprintable():
        raise ConfigurationError(f"{named} is one line of at most {TOKEN_MAX_LENGTH:,} characters", hint=hint)
    if token.startswith(_QUOTES) and token[0] == token[-1]:
        raise ConfigurationError(
            f"{named} is in quotes, and they would be sent with it", hint=f"leave them out: {hint}"
        )
    return Secret(token)
