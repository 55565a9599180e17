"""The image's copy of the work context: what is pushed into a backend's session state, and how it is read back."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Mapping
from itertools import count
from typing import Any, Final, NamedTuple

from stui_supervisor import exact_json
from stui_supervisor.config import (
    COPY_MAX_BYTES,
    DELETIONS_MAX,
    FOREIGN_COUNTER_MAX,
    KNOWN_COPIES,
    KNOWN_COPIES_SENT,
    PUSH_TRACES,
    SECTIONS_MAX,
    SHARED_COUNTER_MAX,
)
from stui_supervisor.context.deletions import is_shared
from stui_supervisor.context.parts import Portion, Steps, at_once
from stui_supervisor.context.section import (
    METADATA_KEY,
    Section,
    checksum_of,
    encode_section,
    encode_value,
    equal,
    is_checksum,
    is_section_name,
    is_tag,
    total_bytes,
)
from stui_supervisor.errors import ConfigurationError

_TAGS: Final = "sections"
_MORE_TAGS: Final = "more_deleted"  # beyond as many as the first version with such a state takes
_TRACES: Final = ("trace", "other_trace")  # which of PUSH_TRACES members each has, what is pushed decides
_MEMBERS: Final = (_TAGS, _MORE_TAGS, *_TRACES)
_CLIENT: Final = "client"  # which of us has pushed it
_NAMELESS: Final = "written by another client"  # in a snapshot the section of what cannot be named as one


class _Tag(NamedTuple):
    """What stands beside a section: which change it was, and which value it was written for.

    ``sum`` is that value's checksum; ``was`` are those of the last values before a deletion. Both are None in the
    tag of an earlier version.
    """

    counter: int
    writer: str
    deleted: bool
    sum: int | None
    was: tuple[int, ...] | None

    def is_of(self, section: Section) -> bool:
        """True for the very change that the section is."""
        return section.counter == self.counter and section.writer == self.writer


class ImageCopy(NamedTuple):
    """The sections of an image's copy, and what else is in it and gives way to a push.

    ``remains`` are worth a snapshot unless our own section went through them: what is there although its tag says that
    it was deleted, and what another client wrote that no context takes.
    """

    sections: dict[str, Section]
    remains: dict[str, Section]


class StateData:
    """What is pushed into a backend's session state, as JSON, put together section by section.

    Each live section under its own name with its plain value, so that other clients can read it,
    and one more key with the tags: ``{"stui_supervisor": {"sections": {name: {"counter", "writer", "sum"}}}}``, or
    with ``"deleted": true`` and ``"was"``. The ``sum`` shows what another client wrote beside our tag. A deleted
    section has it too, as null: a server that merges tags as well would keep the old one. Beside the tags stands
    whose session it is, ``"client"``. The values are not serialised again: a megabyte would hold up the loop.
    """

    def __init__(self) -> None:
        self._members: list[bytes] = []
        self._tags: list[bytes] = []
        self._deleted: list[bytes] = []

    def add(self, name: str, section: Section) -> None:
        """One more section."""
        if section.stays_here:
            return
        key = encode_value(name)
        if section.value is None:
            self._deleted.append(b"%s:%s" % (key, _deletion(section)))
        else:
            self._members.append(b"%s:%s" % (key, section.value))
            self._tags.append(b"%s:%s" % (key, _tag(section, b'"sum":%d' % section.sum_of_value())))

    def encoded(self, client_id: str) -> bytes:
        """All of it, once."""
        tags, deleted = self._tags, self._deleted
        room = max(SECTIONS_MAX - len(tags), 0)
        latest = deleted[len(deleted) - min(room, len(deleted)) :]
        older = deleted[: len(deleted) - len(latest)]
        parts = [b'"%s":{%s}' % (_TAGS.encode(), b",".join([*tags, *latest]))]
        if older:
            parts.append(b'"%s":{%s}' % (_MORE_TAGS.encode(), b",".join(older)))
        total = crc32(parts[-1], crc32(parts[0]))
        for trace in _TRACES:
            parts.append(b'"%s":{"%d":1}' % (trace.encode(), total % PUSH_TRACES))
            total //= PUSH_TRACES
        if client_id:
            parts.append(b'"%s":%s' % (_CLIENT.encode(), encode_value(client_id)))
        metadata = b",".join(parts)
        self._members.append(b'"%s":{%s}' % (METADATA_KEY.encode(), metadata))
        return b"{%s}" % b",".join(self._members)


def encode_state_data(sections: Mapping[str, Section], client_id: str = "") -> bytes:
    """The state of these sections, all in one turn."""
    state = StateData()
    for name, section in sections.items():
        state.add(name, section)
    return state.encoded(client_id)


def read_copy(state: Any, own: Mapping[str, Section]) -> ImageCopy:
    """The same as ``reading_copy``, all in one turn."""
    return at_once(reading_copy(state, own))


def reading_copy(state: Any, own: Mapping[str, Section]) -> Steps[ImageCopy]:
    """Read a backend's session state back. It may be anything: what no context takes is given back beside the sections.

    What another client wrote carries no tag for its value. Beside a tag of ours it counts as one change after that
    one, signed by nobody: so it wins over the section that it was written over, and gives way where ours was changed
    since as well. Without any tag it gets 0, as nobody knows how old it is, and so never wins over a section of ours.
    A deleted section that is still there stays deleted, unless what is there was written after the deletion. On a
    server that merges objects nobody can tell that: there the deletion stands, and so does the section of which all is
    there among what it once had.
    """
    if not isinstance(state, Mapping):
        return ImageCopy({}, _nameless(state, own, {}))
    copy, metadata, portion = ImageCopy({}, {}), state.get(METADATA_KEY), Portion()
    nameless: dict[Any, Any] = {}
    tags, merges = (yield from _reading_tags(metadata)), _has_several_traces(metadata)
    for name, value in state.items():
        try:
            encoded = encode_section(name, value)
        except ConfigurationError:
            _put_out_of_bounds(copy, nameless, name, value)
        else:
            _read_section(copy, name, value, encoded, tags.get(name), own.get(name), merges=merges)
            if portion.spend(len(encoded)):
                yield
    for name, tag in tags.items():
        if tag.deleted and name not in state:
            copy.sections[name] = Section(None, tag.counter, tag.writer, tag.was or ())
            if portion.spend():
                yield
    copy.remains.update(_nameless(nameless, own, state))
    return copy


def client_of(state: Any) -> str | None:
    """Which client has pushed a backend's session state; None where it does not say, as in earlier versions."""
    metadata = state.get(METADATA_KEY) if isinstance(state, Mapping) else None
    client = metadata.get(_CLIENT) if isinstance(metadata, Mapping) else None
    return client if isinstance(client, str) and client else None


def has_been_written_by(state: Any, own: Mapping[str, Section]) -> bool:
    """True when a backend's session state has a section, or lacks a deleted one, as one of us has signed or sent it."""
    writers = {section.writer for section in own.values()}
    metadata = state.get(METADATA_KEY) if isinstance(state, Mapping) else None
    return any(_shows(name, part, writers, own) for parts in _tag_parts(metadata) for name, part in parts.items())


def sections_beyond(state: Any) -> int:
    """How many sections a backend's session state has; 0 when they are as many as a context may have, or fewer."""
    if not isinstance(state, Mapping):
        return 0
    tags = sum(map(len, _tag_parts(state.get(METADATA_KEY)))) - DELETIONS_MAX
    count = max(len(state) - (METADATA_KEY in state), tags)
    return count if count > SECTIONS_MAX else 0


def bytes_beyond(sections: Mapping[str, Section]) -> int:
    """What a copy's sections cost; 0 when a snapshot can hold whatever of it gives way."""
    size = total_bytes(sections)
    return size if size > COPY_MAX_BYTES else 0


def _tag(section: Section, more: bytes) -> bytes:
    return b'{"counter":%d,"writer":%s,%s}' % (section.counter, encode_value(section.writer), more)


def _deletion(section: Section) -> bytes:
    was = ",".join(map(str, section.known[-KNOWN_COPIES_SENT:]))
    return _tag(section, b'"deleted":true,"sum":null' + (b',"was":[%s]' % was.encode() if was else b""))


def _read_section(
    copy: ImageCopy, name: str, value: Any, encoded: bytes, tag: _Tag | None, ours: Section | None, *, merges: bool
) -> None:
    if tag is None:
        copy.sections[name] = Section(encoded, 0, "")
    elif ours is not None and tag.is_of(ours) and ours.value == encoded:
        copy.sections[name] = ours
    elif tag.deleted:
        _read_under_deletion(copy, name, Section(encoded, tag.counter, tag.writer), tag, ours, merges=merges)
    else:
        copy.sections[name] = _read_beside(encoded, value, tag, ours, merges=merges)


def _put_out_of_bounds(copy: ImageCopy, nameless: dict[Any, Any], name: Any, value: Any) -> None:
    """What no context takes of a state, our own place in it aside."""
    if is_section_name(name):
        copy.remains.update(_held(name, value))
    elif name != METADATA_KEY:
        nameless[name] = value
    elif more := _beside_tags(value):
        nameless[name] = more


def _held(name: str, value: Any) -> dict[str, Section]:
    """What no context takes, as a snapshot can hold it; nothing of what no message could have brought."""
    try:
        return {name: Section(encode_value(value), 0, "")}
    except (ValueError, RecursionError):
        return {}


def _nameless(found: Any, own: Mapping[str, Section], state: Mapping[str, Any]) -> dict[str, Section]:
    """What cannot be named as a section, all of it as it came in one that takes the name of no other."""
    if not found:
        return {}
    names = (f"{_NAMELESS} {number}" if number else _NAMELESS for number in count())
    return _held(next(name for name in names if name not in own and name not in state), found)


def _beside_tags(metadata: Any) -> Any:
    """What another client wrote under our key."""
    if not isinstance(metadata, Mapping):
        return metadata
    ours = {**dict.fromkeys(_MEMBERS, Mapping), _CLIENT: str}
    return {key: part for key, part in metadata.items() if part and not isinstance(part, ours.get(key, ()))}


def _read_under_deletion(
    copy: ImageCopy, name: str, found: Section, tag: _Tag, ours: Section | None, *, merges: bool
) -> None:
    """Read a value that is there although its tag says that the section was deleted."""
    total = found.sum_of_value()
    is_known = total in (tag.was or ()) or (ours is not None and total in ours.known)
    if not is_known and tag.was is not None and not merges:
        copy.sections[name] = _written_after(tag, found.value)
        return
    copy.sections[name] = Section(None, tag.counter, tag.writer, (*(tag.was or ()), total))
    if not is_known:
        copy.remains[name] = found


def _read_beside(encoded: bytes, value: Any, tag: _Tag, ours: Section | None, *, merges: bool) -> Section:
    """A value and its tag, which was perhaps written for another."""
    is_ours = ours is not None and tag.is_of(ours)
    is_other = is_ours if tag.sum is None else checksum_of(value) != tag.sum
    if not is_other or ours is None or not is_ours:
        return _written_after(tag, encoded) if is_other else Section(encoded, tag.counter, tag.writer)
    if equal(ours.value, encoded) or (merges and _has_all_of(value, exact_json.loads(ours.value or b"null"))):
        return ours
    return _written_after(tag, encoded)


def _has_all_of(theirs: Any, ours: Any) -> bool:
    """True when merging ours into theirs would change nothing."""
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        return all(name in theirs and _has_all_of(theirs[name], value) for name, value in ours.items())
    return bool(theirs == ours)


def _written_after(tag: _Tag, encoded: bytes | None) -> Section:
    return Section(encoded, tag.counter + 1, "")


def _has_several_traces(metadata: Any) -> bool:
    """True where more than one push has left something, as a server that merges objects keeps it."""
    traces = map(metadata.get, _TRACES) if isinstance(metadata, Mapping) else ()
    return any(isinstance(trace, Mapping) and len(trace) > 1 for trace in traces)


def _shows(name: Any, part: Any, writers: set[str], own: Mapping[str, Section]) -> bool:
    """True for a tag that one of us has signed, or that was written for a value which we have sent."""
    if not isinstance(part, Mapping):
        return False
    writer, ours = part.get("writer"), own.get(name)
    may_show = (isinstance(writer, str) and writer in writers) or (ours is not None and part.get("sum") in ours.known)
    tag = _tag_of(name, part) if may_show else None  # the few that may are read with all checks
    return tag is not None and (tag.writer in writers or (ours is not None and tag.sum in ours.known))


def _tag_parts(metadata: Any) -> list[Mapping[str, Any]]:
    found = [metadata.get(key) for key in (_TAGS, _MORE_TAGS)] if isinstance(metadata, Mapping) else []
    return [part for part in found if isinstance(part, Mapping)]


def _reading_tags(metadata: Any) -> Steps[dict[str, _Tag]]:
    tags: dict[str, _Tag] = {}
    portion = Portion()
    for parts in _tag_parts(metadata):
        for name, part in parts.items():
            if portion.spend():
                yield
            tag = _tag_of(name, part)
            if tag is not None and (name not in tags or tags[name].counter < tag.counter):
                tags[name] = tag
    return tags


def _tag_of(name: Any, part: Any) -> _Tag | None:
    if not is_section_name(name) or not isinstance(part, Mapping):
        return None
    highest = SHARED_COUNTER_MAX if is_shared(name) else FOREIGN_COUNTER_MAX
    is_right = is_tag(part.get("counter"), part.get("writer")) and part["counter"] <= highest
    return _tag_in(part) if is_right else None


def _tag_in(part: Mapping[str, Any]) -> _Tag:
    total, was = part.get("sum"), part.get("was")
    found = total if is_checksum(total) else None
    is_known = isinstance(was, list) and all(map(is_checksum, was))
    return _Tag(
        part["counter"],
        part["writer"],
        deleted=part.get("deleted") is True and found is None,
        sum=found,
        was=tuple(was[-KNOWN_COPIES:]) if is_known and was else None,
    )
