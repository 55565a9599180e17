"""The plan of the rooms, drawn from the imports: a picture, and a table of what lives where and may import what."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Final

from tests.architecture.permissions import ADAPTERS, ALLOWED_IMPORTS, OUTER, PURE, VOCABULARY
from tests.architecture.rooms import PACKAGE, ROOT, layers, modules, room_graph, tree_of

PAGE: Final = ROOT / "docs" / "architecture.md"
BEGIN: Final = '<!-- From here on made from the imports by "make diagrams"; edits are lost. -->\n'
END: Final = "<!-- As far as here. -->\n"
NOT_DRAWN: Final = {"adapters", "__main__"}  # a folder of rooms, and a line that calls the command
LEGEND: Final = """\
An arrow leads from a room to one that it imports; where other arrows lead there too, one after the other, it is left
out. Every room may import the vocabulary, so no arrow leads there.
"""


def page_with_plan(page: str) -> str:
    """The page, with the plan as it is now between the two markers."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{PAGE.name} has lost a marker of the plan"
    return f"{before}{BEGIN}\n{plan()}\n{end}{after}"


def plan() -> str:
    """The picture, its legend and the table."""
    graph = {room: imported - VOCABULARY.keys() for room, imported in room_graph().items()}
    drawn = {room: imported for room, imported in graph.items() if room not in VOCABULARY.keys() | NOT_DRAWN}
    from_the_top = [room for layer in reversed(layers(drawn)) for room in layer]
    return "\n".join([*_picture(from_the_top, drawn), "", LEGEND, *_table(from_the_top)]) + "\n"


def _picture(rooms: Iterable[str], graph: Mapping[str, set[str]]) -> Iterator[str]:
    yield "```mermaid"
    yield "flowchart TD"
    for room in rooms:
        imported = " & ".join(map(_node, sorted(_without_detours(room, graph))))
        yield f'  {_node(room)}["{_name(room)}"]' + (f" --> {imported}" if imported else "")
    yield f'  vocabulary["vocabulary:<br>{"<br>".join(wrap(" ".join(VOCABULARY), 50))}"]'
    yield "```"


def _without_detours(room: str, graph: Mapping[str, set[str]]) -> set[str]:
    """What the room imports, but for what is also reached by way of another that it imports."""

    def reached(start: str) -> set[str]:
        return graph[start].union(*(reached(each) for each in graph[start]))

    return graph[room].difference(*(reached(each) for each in graph[room]))


def _table(rooms: list[str]) -> Iterator[str]:
    yield "| room | what lives there | may import, beside the vocabulary |"
    yield "| --- | --- | --- |"
    for kind in (OUTER, ADAPTERS, PURE):
        for room in rooms:
            if room in kind:
                allowed = ", ".join(_summed_up(ALLOWED_IMPORTS[room], room)) or "nothing"
                yield f"| {_linked(room)} | {_first_sentence(room)} | {allowed} |"
    words = ", ".join(map(_linked, VOCABULARY))
    own = ", ".join(_summed_up(set().union(*VOCABULARY.values())))
    yield f"| vocabulary: {words} | What every room may speak of; most of it is public. | some of it {own} |"


def _summed_up(allowed: set[str], room: str = "") -> Iterator[str]:
    """The rooms in as few words as say the same."""
    for words, kind in (("pure room", PURE), ("adapter", ADAPTERS)):
        others = kind.keys() - {room}
        if others <= allowed:
            allowed = allowed - others
            yield f"every other {words}" if room in kind else f"every {words}"
    yield from map(_name, sorted(allowed))


def _first_sentence(room: str) -> str:
    text = " ".join((ast.get_docstring(tree_of(room)) or "").split())
    return re.split(r"(?<=\.)\s", text)[0].replace("``", "`")


def _name(room: str) -> str:
    return room.replace(".", "/") or PACKAGE


def _node(room: str) -> str:
    return _name(room).replace("/", "_")


def _linked(room: str) -> str:
    """A link to the folder of a room, or to the one file that it is."""
    path = modules()[room]
    target = path.parent if path.name == "__init__.py" else path
    return f"[{_name(room)}](../{target.relative_to(ROOT).as_posix()})"
