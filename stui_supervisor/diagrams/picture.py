"""The states as SVG, written with nothing but Python.

Each kind of edge has its own colour and its own dashes, so that the picture also reads in grey and
to eyes that see few colours. It brings its own background, for light and dark pages alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from textwrap import wrap
from typing import Final

from stui_supervisor.diagrams import layout
from stui_supervisor.diagrams.layout import ANY_STATE, BOXES, EDGES, FRAMES, Edge, Point, Rectangle
from stui_supervisor.diagrams.words import KIND_COLOURS, KIND_MEANINGS, STATE_MEANINGS
from stui_supervisor.machine.states import State
from stui_supervisor.machine.table import EdgeKind

_PAPER: Final = "#fcfbf8"
_INK: Final = "#20252b"
_QUIET: Final = "#5a626b"
_HAIRLINE: Final = "#9aa2ab"
_SANS: Final = "'Segoe UI', 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_MONOSPACE: Final = "Menlo, Consolas, 'Liberation Mono', 'DejaVu Sans Mono', monospace"


_DASHES: Final[Mapping[EdgeKind, str]] = {
    EdgeKind.PROGRESS: "",
    EdgeKind.FAULT: "10 5",
    EdgeKind.RECOVERY: "14 4 2 4",
    EdgeKind.USER: "2.5 4.5",
}
_TINTS: Final[Mapping[State, tuple[str, str]]] = {
    State.DISCONNECTED: ("#eceef0", "#5a626b"),
    State.RESTORING: ("#e6eff9", "#1f5fa8"),
    State.CONNECTING: ("#e6eff9", "#1f5fa8"),
    State.CONNECTED: ("#def2e6", "#13724f"),
    State.DEGRADED: ("#fdf0d5", "#9a6400"),
    State.RECOVERING: ("#fbe6df", "#b5341c"),
}


def svg(current: State | None = None) -> str:
    """The picture of the states; ``current`` is marked when it is given. The same bytes every time."""
    return "\n".join(_lines(current)) + "\n"


def _lines(current: State | None) -> Iterator[str]:
    width, height = layout.WIDTH, layout.HEIGHT
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-labelledby="title story">'
    )
    yield '<title id="title">The states of the link</title>'
    yield f'<desc id="story">{escape(_story(current), quote=False)}</desc>'
    yield from _styles()
    yield f'<rect width="{width}" height="{height}" rx="16" fill="{_PAPER}"/>'
    yield '<text class="heading" x="30" y="58">The life of a link</text>'
    yield '<text class="quiet" x="30" y="84">Six states, and everything that leads from one to another.</text>'
    for frame in FRAMES:
        yield f'<path class="frame" d="{_closed(frame.outline)}"/>'
        yield _text(frame.caption, frame.caption_at, "quiet")
    for edge in EDGES:
        yield from _edge(edge)
    yield _rectangle(ANY_STATE, f'class="sign" stroke="{KIND_COLOURS[EdgeKind.USER]}"', radius=ANY_STATE.height / 2)
    yield _text("any state", (ANY_STATE.x + ANY_STATE.width / 2, ANY_STATE.y + 20), "quiet middle")
    for state in State:
        yield from _state(state, is_current=state is current)
    yield from _legend()
    yield "</svg>"


def _story(current: State | None) -> str:
    rows = ". ".join(
        f"{', '.join(row.sources)} to {row.target} by {row.trigger}: {row.meaning}"
        for edge in EDGES
        for row in edge.rows
    )
    return f"{rows}." + (f" The link is {current} now." if current else "")


def _styles() -> Iterator[str]:
    yield "<defs>"
    for kind in EdgeKind:
        yield (
            f'<marker id="{kind}" viewBox="0 0 12 10" refX="11" refY="5" markerWidth="13" markerHeight="11" '
            'markerUnits="userSpaceOnUse" orient="auto">'
            f'<path d="M0 0 L12 5 L0 10 L2.5 5 z" fill="{KIND_COLOURS[kind]}"/></marker>'
        )
    yield "</defs>"
    yield "<style>"
    yield f"text {{ font-family: {_SANS}; font-size: {layout.MEANING_SIZE}px; fill: {_INK}; }}"
    yield ".heading { font-size: 30px; font-weight: 700; }"
    yield ".legend { font-size: 16px; font-weight: 700; }"
    yield ".state { font-size: 20px; font-weight: 700; }"
    yield f".trigger {{ font-family: {_MONOSPACE}; font-size: {layout.TRIGGER_SIZE}px; font-weight: 700; }}"
    yield f".quiet {{ fill: {_QUIET}; }}"
    yield ".middle { text-anchor: middle; }"
    yield ".end { text-anchor: end; }"
    yield f".frame {{ fill: none; stroke: {_HAIRLINE}; stroke-width: 1.25; }}"
    yield f".sign {{ fill: {_PAPER}; stroke-width: 1.5; }}"
    yield ".edge { fill: none; stroke-width: 2.5; stroke-linejoin: round; }"
    yield "</style>"


def _edge(edge: Edge) -> Iterator[str]:
    kind = edge.rows[0].kind
    colour = KIND_COLOURS[kind]
    for path in edge.paths:
        joins = any(path[-1] in other for other in edge.paths if other is not path)
        yield _stroke(_open(path), kind, has_arrow=not joins)
        x, y = path[0]
        if not _on_a_box(x, y):
            yield f'<circle cx="{x:g}" cy="{y:g}" r="4.5" fill="{colour}"/>'
    for label, row in zip(edge.labels, edge.rows, strict=True):
        trigger, *meaning = layout.label_lines(label, row)
        place = "" if label.anchor == "start" else f" {label.anchor}"
        yield _text(trigger, (label.x, label.y), f"trigger{place}", colour=colour)
        for number, line in enumerate(meaning, start=1):
            yield _text(line, (label.x, label.y + number * layout.LINE_HEIGHT), f"meaning{place}")


def _stroke(outline: str, kind: EdgeKind, *, has_arrow: bool = True) -> str:
    dashes = f' stroke-dasharray="{_DASHES[kind]}"' if _DASHES[kind] else ""
    arrow = f' marker-end="url(#{kind})"' if has_arrow else ""
    return f'<path class="edge" d="{outline}" stroke="{KIND_COLOURS[kind]}"{dashes}{arrow}/>'


def _on_a_box(x: float, y: float) -> bool:
    return any(box.touches(Rectangle(x, y, 0, 0)) for box in (*BOXES.values(), ANY_STATE))


def _open(path: tuple[Point, ...]) -> str:
    """The path from its first to its last point, with its corners rounded."""
    corners = (_corner(*three) for three in zip(path, path[1:], path[2:], strict=False))
    return " ".join((f"M{_point(path[0])}", *(f"L{corner}" for corner in corners), f"L{_point(path[-1])}"))


def _closed(outline: tuple[Point, ...]) -> str:
    """The outline back to its first point, with its corners rounded."""
    around = (outline[-1], *outline, outline[0])
    corners = (_corner(*three) for three in zip(around, around[1:], around[2:], strict=False))
    return f"M{' L'.join(corners)} Z"


def _corner(before: Point, corner: Point, after: Point) -> str:
    return f"{_point(_towards(corner, before))} Q{_point(corner)} {_point(_towards(corner, after))}"


def _point(point: Point) -> str:
    return f"{point[0]:g} {point[1]:g}"


def _towards(corner: Point, other: Point) -> Point:
    across, down = other[0] - corner[0], other[1] - corner[1]
    share = layout.BOX_RADIUS / max(abs(across), abs(down))
    return corner[0] + across * share, corner[1] + down * share


def _state(state: State, *, is_current: bool) -> Iterator[str]:
    box = BOXES[state]
    fill, line = _TINTS[state]
    ink = _PAPER if is_current else ""
    filling = line if is_current else fill
    yield _rectangle(box, f'id="{state}" fill="{filling}" stroke="{line}" stroke-width="2"', radius=layout.BOX_RADIUS)
    if is_current:
        inside = Rectangle(box.x + 5, box.y + 5, box.width - 10, box.height - 10)
        yield _rectangle(inside, f'fill="none" stroke="{_PAPER}" stroke-width="2"', radius=layout.BOX_RADIUS - 4)
    meaning = wrap(STATE_MEANINGS[state], int(box.width / (layout.SANS_WIDTH * layout.MEANING_SIZE)) - 2)
    middle = box.x + box.width / 2
    first = box.y + (box.height - layout.LINE_HEIGHT * len(meaning)) / 2 + 7
    yield _text(f"{state}, now" if is_current else state, (middle, first), "state middle", colour=ink)
    for number, words in enumerate(meaning, start=1):
        yield _text(words, (middle, first + 5 + number * layout.LINE_HEIGHT), "middle", colour=ink)


def _legend() -> Iterator[str]:
    x, y = layout.LEGEND
    yield _text("Who moves the link", (x, y), "legend")
    for kind in EdgeKind:
        y += layout.LEGEND_STEP
        yield _stroke(f"M{x:g} {y - 5:g} L{x + 64:g} {y - 5:g}", kind)
        yield _text(kind, (x + 78, y), "trigger", colour=KIND_COLOURS[kind])
        yield _text(KIND_MEANINGS[kind], (x + 164, y), "meaning")
    y += layout.LEGEND_STEP
    yield f'<circle cx="{x + 58:g}" cy="{y - 5:g}" r="4.5" fill="{_QUIET}"/>'
    yield _text("on a frame: from every state inside it", (x + 78, y), "meaning")


def _rectangle(area: Rectangle, attributes: str, *, radius: float = 16) -> str:
    return (
        f'<rect x="{area.x:g}" y="{area.y:g}" width="{area.width:g}" height="{area.height:g}" '
        f'rx="{radius:g}" {attributes}/>'
    )


def _text(text: str, at: Point, classes: str, *, colour: str = "") -> str:
    style = f' style="fill:{colour}"' if colour else ""
    return f'<text class="{classes}" x="{at[0]:g}" y="{at[1]:g}"{style}>{escape(text, quote=False)}</text>'
