"""What of a session's files goes after a save: generations that are too old, and what a save that was cut off left.

An older context is kept as a copy of the work as long as ``retention`` wants it, and so is a snapshot.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from stui_supervisor.adapters.files.file_format import DamagedFile, Header, Kind, NewerFormat, file_name, peek
from stui_supervisor.adapters.files.links import is_link
from stui_supervisor.adapters.files.private_files import TEMPORARY_SUFFIX, is_out_of_means, read_start
from stui_supervisor.config import GENERATIONS_KEPT, HEADER_MAX_BYTES, SNAPSHOTS_KEPT
from stui_supervisor.session.retention import Copy, Thinning, hour_of


class Pruning:
    """Removes from one session's directory; ``spared`` are names that are never removed, and so are links.

    Each file's header is read once, and not at all when this process wrote it. What cannot be read is spared.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._copies: dict[Kind, dict[int, Copy | None]] = {kind: {} for kind in Kind}
        self.spared: set[str] = set()

    def written(self, header: Header, size_bytes: int) -> None:
        """Take note of a new file."""
        if header.kind is not Kind.ENDPOINT:
            self._copies[header.kind][header.seq] = _copy(header, size_bytes)

    def tidy(self, kind: Kind, seqs: list[int], cut_off: set[str]) -> None:
        """Remove what a new file of this kind makes needless, and temporary files; ``seqs`` are there, highest first.

        Raises OSError when the process lacks means to look at them.
        """
        for name in cut_off:
            self._remove(name)
        for seq in self._needless(kind, seqs):  # one by one: a process that lives for a moment only gets on too
            self._remove(file_name(kind, seq))
        known = self._copies[kind]
        self._copies[kind] = {seq: known[seq] for seq in seqs if seq in known}

    def _needless(self, kind: Kind, seqs: list[int]) -> Iterator[int]:
        if kind is Kind.ENDPOINT:
            yield from seqs[GENERATIONS_KEPT:]
            return
        thinning = Thinning(SNAPSHOTS_KEPT if kind is Kind.SNAPSHOT else 0)
        for seq in seqs if kind is Kind.SNAPSHOT else seqs[GENERATIONS_KEPT:]:
            copy = self._copy(kind, seq)
            if copy is None or not thinning.take(copy):
                yield seq

    def _remove(self, name: str) -> None:
        file = os.path.join(self._path, name)
        with suppress(OSError):
            if name not in self.spared and not is_link(file):
                os.unlink(file)

    def _copy(self, kind: Kind, seq: int) -> Copy | None:
        """None for one without work in it."""
        known = self._copies[kind]
        if seq not in known:
            known[seq] = self._read(kind, seq)
        return known[seq]

    def _read(self, kind: Kind, seq: int) -> Copy | None:
        file = os.path.join(self._path, file_name(kind, seq))
        try:
            header, size_bytes = peek(read_start(file, HEADER_MAX_BYTES)), os.lstat(file).st_size
        except DamagedFile:
            return None
        except (NewerFormat, OSError) as error:
            if isinstance(error, OSError) and is_out_of_means(error):
                raise
            self.spared.add(file_name(kind, seq))
            return None
        return _copy(header, size_bytes)


def cut_off(names: list[str]) -> set[str]:
    """The temporary files among a directory's names: no save is under way while the caller owns the session."""
    return {name for name in names if name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)}


def _copy(header: Header, size_bytes: int) -> Copy | None:
    return Copy(hour_of(header.saved_at), size_bytes) if header.live_sections else None
