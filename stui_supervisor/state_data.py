"""The image's copy of the work context: what is pushed into a backend's session state, and how it is read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stui_supervisor.config import COPY_MAX_BYTES, SECTIONS_MAX, TOMBSTONES_KEPT
from stui_supervisor.context import (
    METADATA_KEY,
    Section,
    encode_section,
    encode_value,
    is_section_name,
    is_tag,
    total_bytes,
)
from stui_supervisor.errors import ConfigurationError

_FOREIGN_COUNTER_MAX: Final = 2**52  # of a backend's copy; leaves room above it for every change made here


def encode_state_data(sections: Mapping[str, Section]) -> bytes:
    """What is pushed into a backend's session state, as JSON.

    Each live section under its own name with its plain value, so that other clients can read it,
    and one more key with the counters: ``{"stui_supervisor": {"sections": {name: {"counter",
    "writer", "deleted"?}}}}``. The values are not serialised again: a megabyte would hold up the loop.
    """
    tags: dict[str, dict[str, Any]] = {}
    members: list[bytes] = []
    for name, section in sections.items():
        tags[name] = {"counter": section.counter, "writer": section.writer}
        if section.value is None:
            tags[name]["deleted"] = True
        else:
            members.append(encode_value(name) + b":" + section.value)
    members.append(encode_value(METADATA_KEY) + b":" + encode_value({"sections": tags}))
    return b"{" + b",".join(members) + b"}"


def from_state_data(state: Any) -> dict[str, Section]:
    """Read a backend's session state back. It may be anything: what has a wrong shape is left out.

    A section that another client wrote has no counter of ours; it gets 0 and so never wins over
    work that was changed here.
    """
    if not isinstance(state, Mapping):
        return {}
    tags = _tags_of(state.get(METADATA_KEY))
    sections: dict[str, Section] = {}
    for name, value in state.items():
        try:
            encoded = encode_section(name, value)
        except ConfigurationError:
            continue
        counter, writer, _ = tags.get(name, (0, "", False))
        sections[name] = Section(encoded, counter, writer)
    for name, (counter, writer, deleted) in tags.items():
        if deleted and name not in state:
            sections[name] = Section(None, counter, writer)
    return sections


def writers_in(state: Any) -> frozenset[str]:
    """Who of ours has signed sections of a backend's session state, or deleted them."""
    metadata = state.get(METADATA_KEY) if isinstance(state, Mapping) else None
    return frozenset(writer for _, writer, _ in _tags_of(metadata).values())


def sections_beyond(state: Any) -> int:
    """How many sections a backend's session state has; 0 when they are as many as a context may have, or fewer."""
    if not isinstance(state, Mapping):
        return 0
    metadata = state.get(METADATA_KEY)
    parts = metadata.get("sections") if isinstance(metadata, Mapping) else None
    tags = len(parts) - TOMBSTONES_KEPT if isinstance(parts, Mapping) else 0
    count = max(len(state) - (METADATA_KEY in state), tags)
    return count if count > SECTIONS_MAX else 0


def bytes_beyond(sections: Mapping[str, Section]) -> int:
    """What a copy's sections cost; 0 when a snapshot can hold whatever of it gives way."""
    size = total_bytes(sections)
    return size if size > COPY_MAX_BYTES else 0


def _tags_of(metadata: Any) -> dict[str, tuple[int, str, bool]]:
    parts = metadata.get("sections") if isinstance(metadata, Mapping) else None
    if not isinstance(parts, Mapping):
        return {}
    tags: dict[str, tuple[int, str, bool]] = {}
    for name, part in parts.items():
        if not is_section_name(name) or not isinstance(part, Mapping):
            continue
        if is_tag(part.get("counter"), part.get("writer")) and part["counter"] <= _FOREIGN_COUNTER_MAX:
            tags[name] = (part["counter"], part["writer"], part.get("deleted") is True)
    return tags
