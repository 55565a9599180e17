from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations, pairwise, product
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from stui_supervisor import diagrams
from stui_supervisor.diagrams.layout import (
    ANY_STATE,
    BOXES,
    EDGES,
    FRAMES,
    HEIGHT,
    LINE_HEIGHT,
    MEANING_SIZE,
    SANS_WIDTH,
    TRIGGER_SIZE,
    WIDTH,
    Edge,
    Label,
    Point,
    Rectangle,
    label_lines,
)
from stui_supervisor.diagrams.notations import markdown
from stui_supervisor.diagrams.words import KIND_COLOURS, KIND_LINES, KIND_MEANINGS, STATE_MEANINGS
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.machine.table import TABLE, EdgeKind, Row
from tests.support.core.transition_table import ALLOWED

COMMITTED = Path(__file__).parent.parent / "diagrams"
SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["states.mmd", "states.dot", "states.svg", "README.md"]
MONOSPACE_WIDTH = 0.61  # as SANS_WIDTH


def segment(start: Point, end: Point) -> Rectangle:
    """A straight line across or down, as a rectangle without a height or a width."""
    assert start[0] == end[0] or start[1] == end[1]
    (left, right), (top, bottom) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    return Rectangle(left, top, right - left, bottom - top)


def label_area(label: Label, row: Row) -> Rectangle:
    """The room that a label takes with a wide font."""
    trigger, *meaning = label_lines(label, row)
    widths = [len(line) * SANS_WIDTH * MEANING_SIZE for line in meaning]
    width = max(len(trigger) * MONOSPACE_WIDTH * TRIGGER_SIZE, *widths)
    x = {"start": label.x, "middle": label.x - width / 2, "end": label.x - width}[label.anchor]
    return Rectangle(x, label.y - TRIGGER_SIZE, width, TRIGGER_SIZE + LINE_HEIGHT * len(meaning) + 4)


def segments(edge: Edge) -> Iterator[Rectangle]:
    for path in edge.paths:
        yield from (segment(*two) for two in pairwise(path))


def frame_segments() -> Iterator[Rectangle]:
    for frame in FRAMES:
        yield from (segment(*two) for two in pairwise((*frame.outline, frame.outline[0])))


def point(at: Point) -> Rectangle:
    return Rectangle(*at, 0, 0)


def sources_at(start: Point) -> set[State]:
    """The states that a line leaves when it begins there."""
    if ANY_STATE.touches(point(start)):
        return set(State)
    boxes = {state for state, box in BOXES.items() if box.touches(point(start))}
    if boxes:
        return boxes
    (frame,) = [
        frame
        for frame in FRAMES
        if any(segment(*two).touches(point(start)) for two in pairwise((*frame.outline, frame.outline[0])))
    ]
    return set(frame.states)


def test_every_row_of_the_table_is_drawn_once() -> None:
    drawn = [row for edge in EDGES for row in edge.rows]
    assert sorted(map(TABLE.index, drawn)) == list(range(len(TABLE)))


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: f"{edge.source}-{edge.labels[0].trigger}")
def test_an_arrow_leads_from_the_sources_of_its_rows_to_their_target(edge: Edge) -> None:
    rows = edge.rows
    assert len({(row.sources, row.target, row.kind) for row in rows}) == 1
    sources = set().union(*(sources_at(path[0]) for path in edge.paths))
    assert sources == set(rows[0].sources)
    for path in edge.paths:
        joined = [other for other in edge.paths if other is not path and path[-1] in other]
        assert joined or BOXES[rows[0].target].touches(point(path[-1]))


def test_a_frame_surrounds_its_states_and_no_other() -> None:
    for frame in FRAMES:
        inside = set()
        for state, box in BOXES.items():
            middle = (box.x + box.width / 2, box.y + box.height / 2)
            ray = Rectangle(*middle, WIDTH, 0)
            edges = [segment(*two) for two in pairwise((*frame.outline, frame.outline[0]))]
            if sum(edge.touches(ray) for edge in edges if edge.width == 0) % 2:
                inside.add(state)
            assert not any(edge.touches(box) for edge in edges)
        assert inside == frame.states


def test_no_label_touches_a_line_a_box_or_another_label() -> None:
    labels = [label_area(label, row) for edge in EDGES for label, row in zip(edge.labels, edge.rows, strict=True)]
    lines = [line for edge in EDGES for line in segments(edge)]
    obstacles = [*lines, *frame_segments(), *BOXES.values(), ANY_STATE]
    touched = [(label, obstacle) for label in labels for obstacle in obstacles if label.touches(obstacle)]
    assert touched == []
    assert [two for two in combinations(labels, 2) if two[0].touches(two[1])] == []
    assert all(label.x > 0 and label.right < WIDTH and label.y > 0 and label.bottom < HEIGHT for label in labels)


def test_no_arrow_crosses_another_or_a_state() -> None:
    for one, other in combinations(EDGES, 2):
        assert not [two for two in product(segments(one), segments(other)) if two[0].touches(two[1])]
    for edge in EDGES:
        for path in edge.paths:
            inner = [Rectangle(box.x + 1, box.y + 1, box.width - 2, box.height - 2) for box in BOXES.values()]
            assert not [box for two in pairwise(path) for box in inner if segment(*two).touches(box)]


def test_the_kinds_are_told_apart_by_colour_and_by_dashes() -> None:
    picture = ET.fromstring(diagrams.svg())  # noqa: S314  our own
    looks = {
        path.get("marker-end"): (path.get("stroke"), path.get("stroke-dasharray"))
        for path in picture.iter(f"{SVG}path")
        if path.get("marker-end")
    }
    assert looks.keys() == {f"url(#{kind})" for kind in EdgeKind}
    assert len({colour for colour, _ in looks.values()}) == 4
    assert len({dashes for _, dashes in looks.values()}) == 4


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_colours_of_the_triggers_read_well_on_the_ground() -> None:
    ground = luminance("#fcfbf8")
    assert all((ground + 0.05) / (luminance(colour) + 0.05) >= 4.5 for colour in KIND_COLOURS.values())


def test_the_picture_says_every_trigger_and_every_meaning() -> None:
    picture = ET.fromstring(diagrams.svg())  # noqa: S314  our own
    words = " ".join(text.text or "" for text in picture.iter(f"{SVG}text"))
    for row in TABLE:
        assert row.trigger in words
        assert row.meaning in words
    for meaning in (*STATE_MEANINGS.values(), *KIND_MEANINGS.values()):
        assert meaning in words


def test_the_picture_is_plain_text_that_needs_nothing_from_elsewhere() -> None:
    picture = diagrams.svg()
    assert picture.isascii()
    assert "href" not in picture
    assert "<script" not in picture
    assert picture.count("http") == 1


@pytest.mark.parametrize("current", list(State))
def test_the_present_state_is_marked_and_only_that(current: State) -> None:
    picture = ET.fromstring(diagrams.svg(current))  # noqa: S314  our own
    texts = [text.text for text in picture.iter(f"{SVG}text") if "state" in (text.get("class") or "").split()]
    assert texts == [f"{state}, now" if state is current else str(state) for state in State]


def test_the_same_bytes_come_out_of_every_process() -> None:
    program = "from stui_supervisor import diagrams as d; print(d.svg(), d.dot(), d.mermaid(), sep='', end='')"
    ours = diagrams.svg() + diagrams.dot() + diagrams.mermaid()
    for seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(COMMITTED.parent)},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert found.stdout == ours


def test_mermaid_holds_exactly_the_transitions_of_the_table() -> None:
    found = {
        (State(source), Trigger(trigger)): State(target)
        for source, target, triggers in re.findall(r"^  (\w+) --> (\w+): (.+)$", diagrams.mermaid(), re.MULTILINE)
        for trigger in triggers.split(", ")
    }
    assert found == ALLOWED
    assert diagrams.mermaid().count("-->") == 1 + len({(source, target) for (source, _), target in ALLOWED.items()})


def test_dot_holds_exactly_the_transitions_of_the_table() -> None:
    found = {
        (State(source), Trigger(trigger)): State(target)
        for source, target, triggers in re.findall(r'^  (\w+) -> (\w+) \[label="([^"]+)"', diagrams.dot(), re.MULTILINE)
        for trigger in triggers.split("\\n")
    }
    assert found == ALLOWED


def test_the_committed_diagrams_are_not_stale() -> None:
    assert diagrams.stale(COMMITTED) == []
    assert markdown() in (COMMITTED / "README.md").read_text("utf-8")


def test_diagrams_are_written_with_the_same_line_ends_everywhere(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "diagrams"
    assert diagrams.stale(directory) == NAMES
    assert diagrams.write(directory) == [directory / name for name in NAMES]
    assert diagrams.stale(directory) == []
    assert not any(b"\r" in path.read_bytes() for path in directory.iterdir())


def test_a_checkout_that_changed_the_line_ends_is_not_stale(tmp_path: Path) -> None:
    for path in diagrams.write(tmp_path):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert diagrams.stale(tmp_path) == []


def test_a_changed_or_missing_diagram_is_stale(tmp_path: Path) -> None:
    diagrams.write(tmp_path)
    (tmp_path / "states.dot").write_bytes(b"\xff\x00")
    (tmp_path / "states.svg").unlink()
    assert diagrams.stale(tmp_path) == ["states.dot", "states.svg"]


def test_the_table_in_a_readme_is_kept_and_what_is_around_it_stays(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- table: generated from here -->\nold\n<!-- table: to here -->\nafter\n", "utf-8")
    assert diagrams.stale(tmp_path) == NAMES
    diagrams.write(tmp_path)
    assert readme.read_text("utf-8") == (
        f"before\n<!-- table: generated from here -->\n\n{markdown()}\n<!-- table: to here -->\nafter\n"
    )
    assert diagrams.stale(tmp_path) == []


def test_a_readme_without_a_place_for_the_table_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine", "utf-8")
    assert diagrams.write(tmp_path) == [tmp_path / name for name in NAMES[:-1]]
    assert (tmp_path / "README.md").read_text("utf-8") == "mine"
    assert diagrams.stale(tmp_path) == ["README.md"]


@pytest.mark.parametrize(
    "change", [None, "", "\n", "six", "`rejected`", "<!-- Made", "dotted", "diagram --check", "# The"]
)
def test_a_changed_or_missing_legend_is_stale(change: str | None, tmp_path: Path) -> None:
    diagrams.write(tmp_path)
    readme = tmp_path / "README.md"
    if change is None:
        readme.unlink()
    else:
        readme.write_text(readme.read_text("utf-8").replace(change, "else", 1) if change.strip() else change, "utf-8")
    assert diagrams.stale(tmp_path) == ["README.md"]


def test_the_legend_explains_every_kind_of_arrow_and_holds_the_table() -> None:
    text = diagrams.legend()
    assert markdown() in text
    for kind in EdgeKind:
        assert f"**{kind}** ({KIND_LINES[kind]}): {KIND_MEANINGS[kind]}" in text
    assert len(set(KIND_LINES.values())) == len(EdgeKind)
    assert len(State) == 6, "the legend says six"
    assert set(re.findall(r"\]\(([\w.]+)\)", text)) == set(NAMES) - {"README.md"}
