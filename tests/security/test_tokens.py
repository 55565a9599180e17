from __future__ import annotations

import pytest

from stui_supervisor.config import TOKEN_MAX_LENGTH
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.security.secret import Secret
from stui_supervisor.security.tokens import checked_token

TOKEN = "sixteen-characters-or-more"  # noqa: S105  # of these tests


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("token", [TOKEN, 'with spaces and "quotes"', "grüne Vögel über Köln", "'begins with a quote"])
def test_a_token_is_taken_without_the_end_of_its_line(token: str, end: str) -> None:
    assert checked_token(token + end, named="it", hint="do") == Secret(token)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fifteen-letters", "it has at least 16 characters"),
        ("fifteen-letters\n", "it has at least 16 characters"),
        ("\n", "it has at least 16 characters"),
        (f"{TOKEN}\n{TOKEN}", "it is one line of at most 8,192 characters"),
        (f"\n{TOKEN}", "it is one line"),
        (f"{TOKEN}\0", "it is one line"),
        (f"{TOKEN}\udc80", "it is one line"),
        ("x" * (TOKEN_MAX_LENGTH + 1), "it is one line"),
        (f'"{TOKEN}"', "it is in quotes"),
        (f"'{TOKEN}'\n", "it is in quotes"),
    ],
)
def test_what_can_be_no_token_is_refused_without_being_shown(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        checked_token(text, named="it", hint="do that")
    assert text[:9] not in str(refused.value)
    assert str(refused.value).endswith("do that")
