"""Sections of a context, and contexts that hold them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from stui_supervisor.config import SECTIONS_MAX
from stui_supervisor.context.context import METADATA_KEY, Context, Section

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda name: name != METADATA_KEY)


SECTIONS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.builds(
        Section,
        value=st.none() | st.sampled_from([b"1", b"2", b'{"x":1}']),
        counter=st.integers(0, 3),
        writer=st.sampled_from(["", "left", "right"]),
    ),
)


class Changes:
    """Counts the calls of on_change."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def make(writer: str = "me") -> tuple[Context, Changes]:
    changes = Changes()
    return Context(writer, changes), changes


def holding(sections: dict[str, Section]) -> Context:
    context, _ = make()
    context.replace(sections)
    return context


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def full() -> Context:
    """A context that has as many sections as it may have."""
    return holding({f"s{number}": Section(b"1", 1, "me") for number in range(SECTIONS_MAX)})
