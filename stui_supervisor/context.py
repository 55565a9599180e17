"""The work context: named sections of JSON, and how two copies of them become one.

A section is kept as canonical JSON bytes. So saving never serialises twice, a snapshot is a copy of
a small dict, and a reader can never change what is stored. Each change raises the section's counter
and signs it; of two copies the one with the higher counter is the newer. A section remembers which of
its earlier values the image may still have: when such a copy gives way, nothing is lost.

Nothing here reads a file, a clock or a socket.
"""

from __future__ import annotations

import json
from binascii import crc32
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from stui_supervisor.config import (
    CONTEXT_MAX_BYTES,
    CONTEXT_MAX_DEPTH,
    KNOWN_COPIES,
    SECTION_NAME_MAX_LENGTH,
    SECTION_OVERHEAD_BYTES,
    SECTIONS_MAX,
    TOMBSTONES_KEPT,
)
from stui_supervisor.errors import ConfigurationError

METADATA_KEY: Final = "stui_supervisor"  # our place in a backend's session state; no section has this name

_COUNTER_MAX: Final = 2**53 - 1  # the largest integer that every JSON reader keeps exact
_CHECKSUM_MAX: Final = 2**32 - 1
_JSON_LEAVES: Final = (str, int, float, bool, type(None))
_MEND: Final = "use objects with text keys, lists, text, finite numbers, true, false and null"


@dataclass(frozen=True, slots=True)
class Section:
    """One named part of the context, as canonical JSON.

    ``value`` is None for a section that was deleted (kept so that the deletion wins over older
    copies). ``counter`` grows with each change; ``writer`` names the process that made it. ``known`` are
    checksums of earlier values that the image may have, the latest last; ``may_be_out`` is False until the
    image may have this one. They belong to one side's history, not to the section.
    """

    value: bytes | None
    counter: int
    writer: str
    known: tuple[int, ...] = field(default=(), compare=False)
    may_be_out: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What ``Context.merge`` found.

    ``taken`` are the names whose remote copy is ours now; ``newer`` the names whose local copy is
    newer than the remote one or missing there, so it has to be pushed; ``lost`` the copies with work
    in them that gave way, worth a snapshot, but none that our own section went through.
    """

    taken: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()
    lost: Mapping[str, Section] = field(default_factory=dict)


class Context(MutableMapping[str, Any]):
    """The work context as a mapping from section names to JSON values.

    Reads give copies; only assigning or deleting a section changes it, and each change calls
    ``on_change`` once. Assigning an equal value is no change. Tuples are stored as lists. Raises
    ConfigurationError, and keeps the old value, when a name or a value cannot be stored or the whole
    would pass ``CONTEXT_MAX_BYTES`` or ``SECTIONS_MAX``. ``writer`` signs the changes and is unique for each process.
    """

    def __init__(self, writer: str, on_change: Callable[[], None]) -> None:
        self._writer = writer
        self._on_change = on_change
        self._sections: dict[str, Section] = {}
        self._total_bytes = 0
        self._live = 0

    def __getitem__(self, name: str) -> Any:
        section = self._sections.get(name)
        if section is None or section.value is None:
            raise KeyError(name)
        return json.loads(section.value)

    def __setitem__(self, name: str, value: Any) -> None:
        encoded = encode_section(name, value)
        old = self._sections.get(name)
        if old is not None and _equal(old.value, encoded):
            return
        section = self._next(old, encoded)
        self._check_size(name, section)
        # A section that lives again moves to the end, as a new key of a dict does.
        if old is not None and old.value is None:
            self._remove(name)
        self._put(name, section)
        self._on_change()

    def __delitem__(self, name: str) -> None:
        old = self._sections.get(name)
        if old is None or old.value is None:
            raise KeyError(name)
        self._remove(name)  # and set again: tombstones stay in the order of their deletion
        self._put(name, self._next(old, None))
        self._forget_old_tombstones()
        self._on_change()

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, section in self._sections.items() if section.value is not None])

    def __len__(self) -> int:
        return self._live

    def __contains__(self, name: object) -> bool:
        section = self._sections.get(name) if isinstance(name, str) else None
        return section is not None and section.value is not None

    def __repr__(self) -> str:
        return f"Context({', '.join(map(repr, self))}; {self._total_bytes} bytes)"

    def sections(self) -> dict[str, Section]:
        """A snapshot, deleted sections included; changes to it change nothing here."""
        return dict(self._sections)

    def adopt(self, sections: Mapping[str, Section]) -> None:
        """Fill in what was restored. What was assigned or deleted here before wins, and counts as newer."""
        self._hold(self.over(self._sections, sections))
        self._forget_old_tombstones()

    def over(self, own: Mapping[str, Section], restored: Mapping[str, Section]) -> dict[str, Section]:
        """What was restored with what was changed since laid over it; each change counts as newer. Changes nothing."""
        restored = {name: _out(section) for name, section in restored.items()}
        return {**restored, **{name: self._over(section, restored.get(name)) for name, section in own.items()}}

    def replace(self, sections: Mapping[str, Section]) -> None:
        """Hold the content of another session; nothing of the old one remains."""
        self._hold({name: _out(section) for name, section in sections.items()})

    def pushed(self) -> None:
        """All of the present content is on its way to the image, which may have it from now on."""
        self._sections = {name: _out(section) for name, section in self._sections.items()}

    def merge(self, remote: Mapping[str, Section]) -> MergeResult:
        """Take from ``remote`` what is newer there.

        The higher counter wins; between equal ones the writer, then the value decide, so that two
        sides that merge the same copies agree. A remote section that no longer fits is not taken.
        """
        taken: list[str] = []
        newer = [name for name in self._sections if name not in remote]
        lost: dict[str, Section] = {}
        for name, theirs in remote.items():
            ours = self._sections.get(name)
            if ours is not None and _equal(ours.value, theirs.value) and _tag(ours) == _tag(theirs):
                self._sections[name] = _out(ours)
                continue
            if ours is not None and _rank(ours) > _rank(theirs):
                newer.append(name)
                loser: Section | None = theirs
            elif not self._is_one_too_many(name, theirs) and not self._is_too_large(name, theirs):
                taken.append(name)
                self._put(name, theirs if ours is None else replace(theirs, known=_past(ours)))
                loser = ours
            else:
                loser = theirs
            if loser is None or loser.value is None or _equal(loser.value, self._value(name)):
                continue
            if loser is ours or ours is None or _checksum(loser.value) not in ours.known:
                lost[name] = loser
        self._forget_old_tombstones()
        return MergeResult(tuple(taken), tuple(newer), lost)

    def _hold(self, sections: Mapping[str, Section]) -> None:
        self._sections = dict(sections)
        self._total_bytes = total_bytes(sections)
        self._live = sum(section.value is not None for section in sections.values())

    def _over(self, own: Section, restored: Section | None) -> Section:
        if restored is None:
            return own
        if own.counter <= restored.counter and _equal(own.value, restored.value):
            return replace(restored, known=_latest(restored.known, own.known))
        counter, writer = own.counter, own.writer
        if counter <= restored.counter:
            counter, writer = self._next(restored, own.value).counter, self._writer
        return replace(own, counter=counter, writer=writer, known=_latest(own.known, _past(restored)))

    def _next(self, previous: Section | None, value: bytes | None) -> Section:
        counter, known = (min(previous.counter + 1, _COUNTER_MAX), _past(previous)) if previous else (1, ())
        return Section(value, counter, self._writer, known, may_be_out=False)

    def _value(self, name: str) -> bytes | None:
        section = self._sections.get(name)
        return section.value if section else None

    def _put(self, name: str, section: Section) -> None:
        self._total_bytes += self._growth(name, section)
        self._live += (section.value is not None) - (name in self)
        self._sections[name] = section

    def _remove(self, name: str) -> None:
        self._live -= name in self
        self._total_bytes -= _cost(name, self._sections.pop(name))

    def _growth(self, name: str, section: Section) -> int:
        old = self._sections.get(name)
        return _cost(name, section) - (_cost(name, old) if old else 0)

    def _is_one_too_many(self, name: str, section: Section) -> bool:
        return section.value is not None and name not in self and self._live >= SECTIONS_MAX

    def _is_too_large(self, name: str, section: Section) -> bool:
        """False while the whole stays within its limit, or at least does not grow."""
        growth = self._growth(name, section)
        return growth > 0 and self._total_bytes + growth > CONTEXT_MAX_BYTES

    def _check_size(self, name: str, section: Section) -> None:
        if self._is_one_too_many(name, section):
            raise ConfigurationError(
                f"with section {name!r} there would be more than the {SECTIONS_MAX:,} sections that are allowed",
                hint="delete another one first, or keep what belongs together in one",
            )
        if self._is_too_large(name, section):
            total = self._total_bytes + self._growth(name, section)
            raise ConfigurationError(
                f"with section {name!r} the context would be {total:,} bytes, and {CONTEXT_MAX_BYTES:,} are allowed",
                hint="make this section smaller or delete another one; the old value stays",
            )

    def _forget_old_tombstones(self) -> None:
        tombstones = [name for name, section in self._sections.items() if section.value is None]
        for name in tombstones[:-TOMBSTONES_KEPT]:
            self._remove(name)


def total_bytes(sections: Mapping[str, Section]) -> int:
    """What these sections cost together."""
    return sum(_cost(name, section) for name, section in sections.items())


def is_section_name(name: Any) -> bool:
    """True for a text that may name a section: not empty, not too long, not reserved, encodable."""
    if not isinstance(name, str) or not 0 < len(name) <= SECTION_NAME_MAX_LENGTH or name == METADATA_KEY:
        return False
    return is_encodable(name)


def is_tag(counter: Any, writer: Any) -> bool:
    """True for a counter and a writer that a section may carry."""
    if type(counter) is not int or not 0 <= counter <= _COUNTER_MAX:
        return False
    return isinstance(writer, str) and len(writer) <= SECTION_NAME_MAX_LENGTH and is_encodable(writer)


def encode_value(value: Any) -> bytes:
    """Canonical JSON of a checked value. Raises ValueError or TypeError for what JSON cannot hold."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def is_encodable(text: str) -> bool:
    """True unless the text holds half of a surrogate pair, which UTF-8 cannot carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode_section(name: Any, value: Any) -> bytes:
    """Canonical JSON of a section's value. Raises ConfigurationError for a name or a value that cannot be stored."""
    _check_name(name)
    return _encode(name, value)


def _check_name(name: Any) -> None:
    if is_section_name(name):
        return
    shown = ascii(name[:SECTION_NAME_MAX_LENGTH] if isinstance(name, str) else name)
    raise ConfigurationError(
        f"{shown} cannot name a section of the context",
        hint=f"use a text of 1 to {SECTION_NAME_MAX_LENGTH} characters other than {METADATA_KEY!r}",
    )


def _encode(name: str, value: Any) -> bytes:
    try:
        _check_shape(value, CONTEXT_MAX_DEPTH)
        return encode_value(value)
    except (TypeError, ValueError) as error:  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
        raise ConfigurationError(f"section {name!r} is not JSON: {_reason(error)}", hint=_MEND) from error


def _reason(error: TypeError | ValueError) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "a text holds half of a surrogate pair, which UTF-8 cannot carry"
    return str(error)


def _check_shape(value: Any, levels_left: int) -> None:
    """Raise TypeError or ValueError for what ``json`` would bend silently or never finish."""
    if isinstance(value, _JSON_LEAVES):
        return
    if levels_left == 0:
        # A value that contains itself ends here too.
        raise ValueError(f"it is nested deeper than {CONTEXT_MAX_DEPTH} levels, or contains itself")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the key {ascii(key)[:80]} is not text")
            _check_shape(item, levels_left - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_shape(item, levels_left - 1)
    else:
        raise TypeError(f"{type(value).__name__} is not a JSON type")


def _equal(one: bytes | None, other: bytes | None) -> bool:
    """The same JSON, whatever the order of an object's keys."""
    if one == other:
        return True
    if one is None or other is None or len(one) != len(other):
        return False  # reordering keeps the length
    ours, theirs = json.loads(one), json.loads(other)
    # Most are told apart here, at half the cost; what Python takes for equal may be 1, 1.0 and true.
    return bool(ours == theirs) and _in_order(ours) == _in_order(theirs)


def _in_order(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _checksum(value: bytes) -> int:
    """The same for values that are ``_equal``; for others it differs, but for one in four billion."""
    return crc32(_in_order(json.loads(value)).encode())


def _out(section: Section) -> Section:
    return section if section.may_be_out else replace(section, may_be_out=True)


def _past(section: Section) -> tuple[int, ...]:
    """What the image may have once the section has changed."""
    if section.value is None or not section.may_be_out:
        return section.known
    return _latest(section.known, (_checksum(section.value),))


def _latest(known: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
    return (*(checksum for checksum in known if checksum not in more), *more)[-KNOWN_COPIES:]


def is_checksum(value: Any) -> bool:
    """True for one of ``Section.known``."""
    return type(value) is int and 0 <= value <= _CHECKSUM_MAX


def _tag(section: Section) -> tuple[int, str]:
    return section.counter, section.writer


def _rank(section: Section) -> tuple[int, str, bytes]:
    return section.counter, section.writer, section.value or b""


def _cost(name: str, section: Section) -> int:
    return len(name.encode()) + len(section.value or b"") + SECTION_OVERHEAD_BYTES
