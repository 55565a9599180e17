"""The table in other notations: mermaid, dot, and a table in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from stui_supervisor.diagrams.words import KIND_COLOURS, STATE_MEANINGS
from stui_supervisor.machine.states import State
from stui_supervisor.machine.table import TABLE, EdgeKind, Row

ORIGIN: Final = 'Made from stui_supervisor/machine/table.py by "stui-supervisor diagram"; edits are lost.'

_DOT_STYLES: Final[Mapping[EdgeKind, str]] = {
    EdgeKind.PROGRESS: "solid",
    EdgeKind.FAULT: "dashed",
    EdgeKind.RECOVERY: "bold",
    EdgeKind.USER: "dotted",
}


def mermaid() -> str:
    """The states as a mermaid state diagram, one labelled edge for each pair of states."""
    lines = [f"%% {ORIGIN}", "stateDiagram-v2", "  direction LR", f"  [*] --> {State.DISCONNECTED}"]
    for source, target in _pairs():
        triggers = ", ".join(row.trigger for row in _rows(source, target))
        lines.append(f"  {source} --> {target}: {triggers}")
    return "\n".join(lines) + "\n"


def dot() -> str:
    """The states for Graphviz, one edge for each pair of states and kind of edge."""
    lines = [
        f"// {ORIGIN}",
        "digraph states {",
        "  rankdir=LR; nodesep=0.6; ranksep=1.1;",
        '  node [shape=box, style="rounded,filled", fillcolor="#eceef0", fontname="Helvetica"];',
        '  edge [fontname="Courier", fontsize=11];',
    ]
    lines += [f'  {state} [tooltip="{STATE_MEANINGS[state]}"];' for state in State]
    for source, target in _pairs():
        for kind in EdgeKind:
            triggers = "\\n".join(row.trigger for row in _rows(source, target) if row.kind is kind)
            if triggers:
                look = f'style={_DOT_STYLES[kind]}, color="{KIND_COLOURS[kind]}", fontcolor="{KIND_COLOURS[kind]}"'
                lines.append(f'  {source} -> {target} [label="{triggers}", {look}];')
    return "\n".join((*lines, "}")) + "\n"


def markdown() -> str:
    """The states and the rows of the table, as two tables in Markdown."""
    lines = ["| state | meaning |", "| --- | --- |"]
    lines += [f"| `{state}` | {STATE_MEANINGS[state]} |" for state in State]
    lines += ["", "| from | trigger | to | when | kind |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {_sources(row)} | `{row.trigger}` | {row.target} | {row.meaning} | {row.kind} |" for row in TABLE]
    return "\n".join(lines) + "\n"


def _sources(row: Row) -> str:
    missing = [state for state in State if state not in row.sources]
    if not missing:
        return "any"
    return f"all but {missing[0]}" if len(missing) == 1 else ", ".join(row.sources)


def _pairs() -> Iterator[tuple[State, State]]:
    """Each pair of states that an edge joins, in the order of life."""
    return ((source, target) for source in State for target in State if _rows(source, target))


def _rows(source: State, target: State) -> list[Row]:
    return [row for row in TABLE if source in row.sources and row.target is target]
