"""What was deleted, remembered in ever less room: an older copy must not bring it back, however late it comes.

The latest deletions are sections without a value, one by one. Of the older ones several share one such section: its
name begins with ``RESERVED_PREFIX`` and holds a digest of each deleted name beside the checksum of the last value that
an image may have. So they travel, are stored and are merged as every other deletion is. Only beyond
``SHARED_DELETIONS_KEPT`` of these are the oldest forgotten; ``FORGOTTEN`` then stands for them.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from stui_supervisor.config import DELETION_DIGEST_BYTES
from stui_supervisor.context.section import RESERVED_PREFIX, Section

FORGOTTEN: Final = f"{RESERVED_PREFIX}forgotten"

_CHECKSUM_BYTES: Final = 4
_ENTRY_BYTES: Final = DELETION_DIGEST_BYTES + _CHECKSUM_BYTES


class Deletion(NamedTuple):
    """One of the older deletions: the section up to which counter, and its last value that an image may have."""

    counter: int
    last_known: int

    def covers(self, section: Section) -> bool:
        """True for a copy that is no later work."""
        return section.counter <= self.counter

    def knows(self, section: Section) -> bool:
        """True for the very copy that was deleted: with it nothing is lost."""
        return section.value is not None and section.sum_of_value() == self.last_known


Shared = Mapping[bytes, Deletion]


def is_shared(name: str) -> bool:
    """True for the name of a section that stands for several deletions, or for those forgotten."""
    return name.startswith(RESERVED_PREFIX)


def digest(name: str) -> bytes:
    """What stands for a deleted name."""
    return blake2b(name.encode(), digest_size=DELETION_DIGEST_BYTES).digest()


def share(deleted: Sequence[tuple[str, Section]]) -> tuple[str, Section]:
    """One section for up to ``DELETIONS_IN_ONE`` deletions."""
    entries = b"".join(
        digest(name) + (section.known[-1] if section.known else 0).to_bytes(_CHECKSUM_BYTES, "big")
        for name, section in deleted
    )
    name = RESERVED_PREFIX + b2a_base64(entries, newline=False).decode()
    return name, Section(None, max(section.counter for _, section in deleted), "")


def shared_in(sections: Iterable[tuple[str, Section]]) -> dict[bytes, Deletion]:
    """The deletions that sections of ``share`` stand for; what has another shape stands for none."""
    found: dict[bytes, Deletion] = {}
    for name, section in sections:
        if name == FORGOTTEN or section.value is not None:
            continue
        try:
            entries = a2b_base64(name.removeprefix(RESERVED_PREFIX).encode(), strict_mode=True)
        except (Error, ValueError):
            continue
        if len(entries) % _ENTRY_BYTES:
            continue
        for start in range(0, len(entries), _ENTRY_BYTES):
            entry = entries[start : start + _ENTRY_BYTES]
            key, last_known = entry[:DELETION_DIGEST_BYTES], int.from_bytes(entry[DELETION_DIGEST_BYTES:], "big")
            if key not in found or found[key].counter < section.counter:
                found[key] = Deletion(section.counter, last_known)
    return found
