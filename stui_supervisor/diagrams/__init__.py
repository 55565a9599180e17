"""Every diagram of the states, drawn from the table, and the check that a committed one is not stale.

Nothing here is written down a second time: every word and every line comes from ``machine/table.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from stui_supervisor.diagrams.legend import legend
from stui_supervisor.diagrams.notations import ORIGIN, dot, markdown, mermaid
from stui_supervisor.diagrams.picture import svg

__all__ = ["PLACE", "dot", "legend", "mermaid", "stale", "svg", "write"]

_FILES: Final[Mapping[str, Callable[[], str]]] = {"states.mmd": mermaid, "states.dot": dot, "states.svg": svg}
_README: Final = "README.md"
_BEGIN: Final = "<!-- table: generated from here -->\n"
_END: Final = "<!-- table: to here -->\n"
PLACE: Final = f"{_BEGIN.strip()} and, on a later line, {_END.strip()}"  # for the table in somebody's own README.md


def write(directory: Path) -> list[Path]:
    """Write the diagrams and their legend; into a README.md of one's own only the table, if it has a place for it.

    Returns the files. Raises OSError when one cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    wanted = {name: text for name, text in _wanted(directory).items() if text is not None}
    for name, text in wanted.items():
        (directory / name).write_text(text, "utf-8", newline="\n")
    return [directory / name for name in wanted]


def stale(directory: Path) -> list[str]:
    """The names of the files there that are missing, or differ from what the table gives by more than line ends.

    A README.md of one's own is stale when its table is, or when it has no place for one.
    """
    return [name for name, text in _wanted(directory).items() if _text(directory / name) != text]


def _wanted(directory: Path) -> dict[str, str | None]:
    """What each file should hold; None for a README.md that is somebody's own and has no place for the table."""
    wanted: dict[str, str | None] = {name: draw() for name, draw in _FILES.items()}
    readme = _text(directory / _README)
    before, begin, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not readme.strip() or ORIGIN in readme.partition("\n")[0]:
        wanted[_README] = legend()
    else:
        wanted[_README] = f"{before}{begin}\n{markdown()}\n{end}{after}" if begin and end else None
    return wanted


def _text(path: Path) -> str:
    """The text with plain line ends, empty when there is none; a checkout may have changed them."""
    try:
        return path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
    except (FileNotFoundError, IsADirectoryError):
        return ""
