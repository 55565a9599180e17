from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("3 + 4 → grün 日本", "3 + 4 → grün 日本"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x9b31mred", "31mred"),
        ("\x1b]0;title\x07text", "]0;titletext"),
        ("two\nlines\r\n\tand a tab", "two lines   and a tab"),
        ("user\u202egpj.exe", "usergpj.exe"),
        ("zero\u200bwidth\u2066", "zerowidth"),
        ("line\u2028paragraph\u2029", "line paragraph "),
        ("half \ud83d of a pair", "half  of a pair"),
        ("nul\x00del\x7f", "nuldel"),
    ],
)
def test_what_a_terminal_would_obey_is_gone_and_the_rest_stays(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) <= len(text)
    assert printable(shown) == shown
