"""A line that is copied into bash runs the very words that it was made of."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.adapters.host.command_lines import advised, line
from stui_supervisor.printable import printable
from tests.support.files.stored_files import posix

STRANGE = [
    b"/home/h\xff",
    b"/home/a home",
    b'/home/it\'s "here"',
    b"/home/two\nlines\tand a tab",
    b"/home/$HOME `id` $(id) \\ ! * ? [a] {a,b} ~ # & ; |",
    "/home/Größe/дом/家".encode(),
    "/home/right\u202eto left\u00a0nothing\u200b".encode(),
    b"/home/\x1b[31mred\x07\x7f",
    b"~/h",
    b"-h",
    b"\xc3",
    b"7\xff7",
]
ECHO = "import os, sys; sys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, sys.argv[1:])))"


def words_of(line_: bytes) -> list[bytes]:
    """What bash makes of a line that a person copies."""
    script = b"stui-supervisor() { " + os.fsencode(sys.executable) + b' -c "$ECHO" "$@"; }\n' + line_ + b"\n"
    environment = {**os.environ, "ECHO": ECHO, "LC_ALL": "C"}
    done = subprocess.run(
        ["/usr/bin/env", "bash"], input=script, capture_output=True, check=True, env=environment, timeout=20
    )
    assert done.stderr == b""
    return done.stdout.split(b"\0")


@posix
@pytest.mark.parametrize("encoding", [None, "ascii", "latin-1", "utf-8", "no such"])
@pytest.mark.parametrize("home", STRANGE)
def test_a_home_of_any_name_is_the_same_in_bash(home: bytes, encoding: str | None) -> None:
    shown = advised("profiles", "confirm", home=os.fsdecode(home), encoding=encoding)
    assert shown == printable(shown)  # and so nothing of it is lost on the way to the screen
    on_screen = shown.encode("utf-8" if encoding in {None, "no such"} else encoding)
    typed = on_screen.decode("latin-1" if encoding == "latin-1" else "utf-8").encode()  # as the terminal sends it on
    option = [b"--home=-h"] if home == b"-h" else [b"--home", home]
    assert words_of(typed) == [*option, b"profiles", b"confirm"]


@posix
@given(st.lists(st.binary(min_size=1, max_size=12).filter(lambda word: b"\0" not in word), min_size=1, max_size=20))
def test_whatever_the_words_are_a_screen_of_ascii_shows_them_all(words: list[bytes]) -> None:
    shown = line(("stui-supervisor", *map(os.fsdecode, words)))
    assert shown.isascii()
    assert shown.isprintable()
    assert words_of(shown.encode()) == words


@posix
def test_letters_stay_readable_where_the_screen_has_them() -> None:
    assert line(["a", "/home/Größe"], encoding="utf-8") == "a '/home/Größe'"
    assert line(["a", "/home/Größe"]) == r"a $'/home/Gr\303\266\303\237e'"
    assert line(["a", "plain/path-1.0"]) == "a plain/path-1.0"


@posix
def test_what_no_name_can_hold_does_no_harm() -> None:
    assert line(["\ud800"]) == r"$'\355\240\200'"


@pytest.mark.skipif(os.name != "nt", reason="only on Windows is a command line read so")
def test_on_windows_a_program_reads_the_same_words() -> None:
    words = ['C:\\a home\\it\'s "here"\\', "--home", "C:\\Größe\\"]
    read = subprocess.run(
        f'"{sys.executable}" -c "import sys; print(ascii(sys.argv[1:]))" {line(words)}',
        capture_output=True,
        check=True,
        text=True,
        timeout=20,
    )
    assert read.stdout.strip() == ascii(words)
