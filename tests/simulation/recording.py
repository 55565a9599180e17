"""What the core did in the story of a seed, as canonical JSON: the same after a change that only moves code."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import singledispatch
from hashlib import sha256
from typing import Any, Final

from stui_supervisor.adapters.sessions.codec import session_values
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.security.secret import Secret
from stui_supervisor.session.records import SessionRecord
from tests.simulation.story import Step
from tests.simulation.world import World

# The names of kinds that have got another one since a recording was made: {new: old}.
RENAMED: Final[Mapping[str, str]] = {"MachineWoke": "Woke", "NetworkMoved": "NetworkChanged"}


def recorded(seed: int) -> Iterator[str]:
    """One line for each input of a story: its time and kind, the state after it, the effects and the next deadline."""
    world = World(seed)
    try:
        world.run()
    except Exception as error:  # noqa: BLE001  # a story that ends badly is one too
        end = type(error).__name__
    else:
        end = "kept"
    for entry in world.story.entries:
        if isinstance(entry, Step):
            deadline = None if entry.deadline is None or math.isinf(entry.deadline) else entry.deadline
            step = [entry.at, entry.process, _kind(entry.event), entry.state, _plain(entry.effects), deadline]
            yield json.dumps(step, sort_keys=True)
    yield json.dumps(end)


def digest(seed: int) -> str:
    """The digest of everything that is recorded of this story."""
    whole = sha256()
    for line in recorded(seed):
        whole.update(line.encode() + b"\n")
    return whole.hexdigest()


def digests(seeds: Iterable[int], processes: int) -> Iterator[str]:
    """The digests of these stories, in their order."""
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(digest, seeds, chunksize=8)


def _kind(value: object) -> str:
    name = type(value).__name__
    return RENAMED.get(name, name)


@singledispatch
def _plain(value: Any) -> Any:
    if not is_dataclass(value):
        return value
    return {"__kind__": _kind(value), **{each.name: _plain(getattr(value, each.name)) for each in fields(value)}}


@_plain.register(Enum)
def _(value: Enum) -> str:
    return value.name


@_plain.register(SessionRecord)
def _(value: SessionRecord) -> dict[str, Any]:
    """What is known of the session in the backend stands in it as in the file."""
    whole = {each.name: _plain(getattr(value, each.name)) for each in fields(value) if each.name != "session"}
    return {"__kind__": _kind(value), **whole, **session_values(value.session)}


@_plain.register(bytes)
@_plain.register(Endpoint)
@_plain.register(datetime)
@_plain.register(Secret)
def _(value: object) -> str:
    return str(value)


@_plain.register(BaseException)
def _(value: BaseException) -> Any:
    return [_kind(value), str(value)]


@_plain.register(Mapping)
def _(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): _plain(each) for key, each in value.items()}


@_plain.register(set)
@_plain.register(frozenset)
def _(value: frozenset[object]) -> list[str]:
    return sorted(map(str, value))


@_plain.register(list)
@_plain.register(tuple)
def _(value: Any) -> Any:
    if hasattr(value, "_fields"):
        return {"__kind__": _kind(value), **{name: _plain(each) for name, each in value._asdict().items()}}
    return [_plain(each) for each in value]
