"""What a power cut may leave of a directory tree, by the promises of POSIX alone.

A file has its content for sure once it was flushed; before that it may be empty, cut off, or full of
zeroes. A name is there, or gone, for sure once its directory was flushed; before that each change of
a directory may have reached the disk or not, whatever became of the others. A rename is one change.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.support.files.intercepted import Call

_ALL_SUBSETS_UP_TO = 5  # changes on their way; of more, some subsets are drawn
_DRAWN = 16


@dataclass(eq=False)
class Node:
    """A file, or a directory when it has ``names``."""

    names: dict[str, Node] | None = None
    content: bytes = b""
    is_flushed: bool = False


@dataclass(eq=False)
class Change:
    """One step in one or two directories: names that go, then names that come."""

    gone: list[tuple[Node, str]] = field(default_factory=list)
    come: list[tuple[Node, str, Node]] = field(default_factory=list)

    def directories(self) -> list[Node]:
        return [directory for directory, *_ in self.gone] + [directory for directory, *_ in self.come]


@dataclass(frozen=True)
class Moment:
    """The tree between two calls: what is on the disk for sure, and the changes on their way to it.

    ``files`` are the content and the state of each file then; ``acknowledged`` counts the saves that had returned.
    """

    durable: tuple[Change, ...]
    pending: tuple[Change, ...]
    files: dict[Node, tuple[bytes, bool]]
    acknowledged: int


class PowerCuts:
    """Notes every call below ``base``, to be used with ``intercepted``; ``moments`` is what it has seen."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._top = Node(names={})
        self._descriptors: dict[int, Node] = {}
        self._durable: list[Change] = []
        self._pending: list[Change] = []
        self._files: list[Node] = []
        self.acknowledged = 0
        self.moments: list[Moment] = []

    def __call__(self, name: str, arguments: tuple[Any, ...], call: Call) -> Any:
        is_new = name == "open" and not os.path.lexists(arguments[0])
        result = call()
        note = getattr(self, f"_{name}", None)
        if note is not None:
            note(arguments, result, is_new) if name == "open" else note(arguments)
            files = {node: (node.content, node.is_flushed) for node in self._files}
            self.moments.append(Moment(tuple(self._durable), tuple(self._pending), files, self.acknowledged))
        return result

    def _open(self, arguments: tuple[Any, ...], descriptor: int, is_new: bool) -> None:
        place = self._place(arguments[0])
        if place is None:
            return
        directory, name = place
        if is_new:
            node = Node()
            self._files.append(node)
            self._change(Change(come=[(directory, name, node)]))
        self._descriptors[descriptor] = self._names(directory)[name] if name else directory

    def _close(self, arguments: tuple[Any, ...]) -> None:
        self._descriptors.pop(arguments[0], None)

    def _write(self, arguments: tuple[Any, ...]) -> None:
        node = self._descriptors.get(arguments[0])
        if node is not None:
            node.content, node.is_flushed = node.content + bytes(arguments[1]), False

    def _fsync(self, arguments: tuple[Any, ...]) -> None:
        node = self._descriptors[arguments[0]]
        node.is_flushed = True
        if node.names is not None:
            self._durable += [change for change in self._pending if node in change.directories()]
            self._pending = [change for change in self._pending if node not in change.directories()]

    def _mkdir(self, arguments: tuple[Any, ...]) -> None:
        if (place := self._place(arguments[0])) is not None:
            self._change(Change(come=[(*place, Node(names={}))]))

    def _unlink(self, arguments: tuple[Any, ...]) -> None:
        if (place := self._place(arguments[0])) is not None:
            self._change(Change(gone=[place]))

    _rmdir = _unlink

    def _replace(self, arguments: tuple[Any, ...]) -> None:
        old, new = self._place(arguments[0]), self._place(arguments[1])
        if old is not None and new is not None:
            self._change(Change(gone=[old], come=[(*new, self._names(old[0])[old[1]])]))

    def _change(self, change: Change) -> None:
        _apply(change)
        self._pending.append(change)

    def _place(self, path: Any) -> tuple[Node, str] | None:
        """The directory and the name; an empty name for the base itself, None for what is outside."""
        path = Path(os.fspath(path))
        if not path.is_relative_to(self._base):
            return None
        node, parts = self._top, path.relative_to(self._base).parts
        for part in parts[:-1]:
            node = self._names(node)[part]
        return node, parts[-1] if parts else ""

    def _names(self, node: Node) -> dict[str, Node]:
        assert node.names is not None
        return node.names

    def states(self, moment: Moment, rng: Random) -> Iterator[dict[str, bytes]]:
        """The trees that a cut at this moment may leave: paths of files with their content, of directories with /."""
        unflushed = [node for node, (_, is_flushed) in moment.files.items() if not is_flushed]
        for reached in _subsets(moment.pending, rng):
            whole = {node: content for node, (content, _) in moment.files.items()}
            tree = self._tree([*moment.durable, *reached])
            for damage in (None, *_DAMAGES) if unflushed else (None,):
                contents = whole if damage is None else {**whole, **{node: damage(whole[node]) for node in unflushed}}
                yield {path: b"" if node.names is not None else contents[node] for path, node in tree.items()}

    def _tree(self, changes: list[Change]) -> dict[str, Node]:
        for change in [*self._durable, *self._pending]:
            for directory in change.directories():
                self._names(directory).clear()
        for change in sorted(changes, key=[*self._durable, *self._pending].index):
            _apply(change)
        return dict(self._walk(self._top, ""))

    def _walk(self, directory: Node, prefix: str) -> Iterator[tuple[str, Node]]:
        for name, node in self._names(directory).items():
            if node.names is None:
                yield prefix + name, node
            else:
                yield f"{prefix}{name}/", node
                yield from self._walk(node, f"{prefix}{name}/")


_DAMAGES = (lambda _: b"", lambda content: content[: len(content) // 2], lambda content: bytes(len(content)))


def _apply(change: Change) -> None:
    for directory, name in change.gone:
        if directory.names is not None:
            directory.names.pop(name, None)
    for directory, name, node in change.come:
        if directory.names is not None:
            directory.names[name] = node


def _subsets(changes: tuple[Change, ...], rng: Random) -> Iterator[list[Change]]:
    if len(changes) <= _ALL_SUBSETS_UP_TO:
        for kept in itertools.product((False, True), repeat=len(changes)):
            yield list(itertools.compress(changes, kept))
        return
    yield from (list(changes[:count]) for count in range(len(changes) + 1))
    yield from ([change for change in changes if change is not lost] for lost in changes)
    for _ in range(_DRAWN):
        yield [change for change in changes if rng.random() < 0.5]
