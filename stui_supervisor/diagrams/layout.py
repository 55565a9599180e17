"""Where everything stands in the picture of the states: places only, the words come from the table.

The six states follow the order of life: ``disconnected`` lies across the top, ``restoring``,
``connecting`` and ``connected`` stand in the first row, ``recovering`` and ``degraded`` below. A
trigger that many states share starts at a frame around them instead of at each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import Final, Literal

from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.machine.table import TABLE, Row

WIDTH: Final = 1240
HEIGHT: Final = 916

TRIGGER_SIZE: Final = 15  # font sizes, in pixels
MEANING_SIZE: Final = 13.5
LINE_HEIGHT: Final = 17
BOX_RADIUS: Final = 12
SANS_WIDTH: Final = 0.56  # of a letter of a wide font (DejaVu), so that a text fits with any

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A box of the picture: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of its right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of its lower side."""
        return self.y + self.height

    def touches(self, other: Rectangle) -> bool:
        """True when the two share a point."""
        return not (self.right < other.x or other.right < self.x or self.bottom < other.y or other.bottom < self.y)


@dataclass(frozen=True, slots=True)
class Frame:
    """A line around some states: an arrow that leaves it leaves each of them."""

    states: frozenset[State]
    outline: tuple[Point, ...]
    caption: str
    caption_at: Point


@dataclass(frozen=True, slots=True)
class Label:
    """A trigger and its meaning, wrapped to ``columns`` letters; ``y`` is the first baseline."""

    trigger: Trigger
    x: float
    y: float
    anchor: Anchor = "start"
    columns: int = 24


@dataclass(frozen=True, slots=True)
class Edge:
    """The lines of the rows that leave ``source`` by the labels' triggers.

    Each path runs from the border of a source, or of a frame around all of them, to the target; a
    path that ends on another one joins it.
    """

    source: State
    paths: tuple[tuple[Point, ...], ...]
    labels: tuple[Label, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of the table that this edge draws."""
        return tuple(row_of(self.source, label.trigger) for label in self.labels)


def row_of(source: State, trigger: Trigger) -> Row:
    """The row of the table by which ``trigger`` leaves ``source``."""
    return next(row for row in TABLE if source in row.sources and row.trigger is trigger)


def label_lines(label: Label, row: Row) -> list[str]:
    """The trigger, then its meaning in short lines."""
    return [row.trigger.value, *wrap(row.meaning, label.columns, break_long_words=False, break_on_hyphens=False)]


_S, _T = State, Trigger

BOXES: Final[dict[State, Rectangle]] = {
    _S.DISCONNECTED: Rectangle(30, 108, 1180, 84),
    _S.RESTORING: Rectangle(110, 408, 240, 116),
    _S.CONNECTING: Rectangle(550, 408, 220, 116),
    _S.CONNECTED: Rectangle(960, 408, 220, 116),
    _S.DEGRADED: Rectangle(960, 712, 220, 116),
    _S.RECOVERING: Rectangle(550, 712, 220, 116),
}
ANY_STATE: Final = Rectangle(584, 212, 124, 30)  # the sign that stands for all six

FRAMES: Final = (
    Frame(
        frozenset(State) - {_S.DISCONNECTED},
        ((68, 336), (1210, 336), (1210, 886), (500, 886), (500, 566), (68, 566)),
        "a link is wanted",
        (86, 551),
    ),
    Frame(
        frozenset(State) - {_S.DISCONNECTED, _S.RESTORING},
        ((516, 364), (1196, 364), (1196, 870), (516, 870)),
        "a backend is spoken to",
        (534, 856),
    ),
)

EDGES: Final = (
    Edge(_S.DISCONNECTED, (((150, 192), (150, 408)),), (Label(_T.RESTORE, 160, 240, columns=20),)),
    Edge(
        _S.RESTORING,
        (((330, 408), (330, 192)),),
        (Label(_T.NOTHING_TO_RESTORE, 340, 222), Label(_T.LEFT_DISCONNECTED, 340, 274, columns=26)),
    ),
    Edge(_S.RESTORING, (((350, 450), (550, 450)),), (Label(_T.RESTORED, 433, 423, "middle"),)),
    Edge(_S.DISCONNECTED, (((646, 242), (646, 408)),), (Label(_T.CONNECT, 656, 278, columns=14),)),
    Edge(_S.CONNECTING, (((840, 364), (840, 192)),), (Label(_T.REJECTED, 850, 240, columns=26),)),
    Edge(
        _S.RESTORING,
        (((1060, 336), (1060, 192)),),
        (Label(_T.DISCONNECT, 1070, 222, columns=18), Label(_T.STOP, 1070, 284, columns=18)),
    ),
    Edge(_S.CONNECTING, (((770, 450), (960, 450)),), (Label(_T.ESTABLISHED, 864, 406, "middle", columns=14),)),
    Edge(_S.CONNECTING, (((590, 524), (590, 712)),), (Label(_T.ATTEMPT_FAILED, 600, 574, columns=20),)),
    Edge(_S.CONNECTED, (((985, 524), (985, 712)),), (Label(_T.HEALTH_LOST, 995, 556, columns=20),)),
    Edge(
        _S.DEGRADED,
        (((1165, 712), (1165, 524)),),
        (Label(_T.HEALTH_REGAINED, 1155, 652, "end", columns=14),),
    ),
    Edge(
        _S.CONNECTED,
        (((960, 504), (900, 504), (900, 794), (770, 794)), ((960, 794), (900, 794))),
        (Label(_T.LINK_LOST, 865, 822, "middle"),),
    ),
    Edge(
        _S.RECOVERING,
        (((770, 746), (850, 746), (850, 478), (960, 478)),),
        (Label(_T.ESTABLISHED, 840, 650, "end"),),
    ),
    Edge(
        _S.RECOVERING,
        (((550, 748), (59, 748), (59, 192)),),
        (Label(_T.NOTHING_TO_RESTORE, 78, 767, columns=26), Label(_T.LEFT_DISCONNECTED, 284, 767, columns=26)),
    ),
    Edge(_S.RECOVERING, (((550, 818), (45, 818), (45, 192)),), (Label(_T.GAVE_UP, 86, 840, columns=40),)),
)

LEGEND: Final[Point] = (86, 600)  # the first baseline of the legend
LEGEND_STEP: Final = 26
