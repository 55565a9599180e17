"""What happened in one world, line by line: the time, the input, and what the core did about it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Announce, Effect, Finish, Save, Send
from stui_supervisor.core.inputs import Input
from stui_supervisor.events import Event
from stui_supervisor.machine.states import State

_BODY_SHOWN = 160


class Step(NamedTuple):
    """One input of one process and its effects."""

    at: float
    process: int
    event: Input
    effects: Sequence[Effect]
    state: State
    deadline: float | None


class Note(NamedTuple):
    """Something that the world did by itself."""

    at: float
    text: str


@dataclass
class Story:
    """All of it, kept as it was; the words are made only for who reads them."""

    entries: list[Step | Note] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The whole story."""
        return list(itertools.chain.from_iterable(_told(entry) for entry in self.entries))

    def events(self) -> Iterator[Event]:
        """What the programs announced."""
        for entry in self.entries:
            if isinstance(entry, Step):
                yield from (effect.event for effect in entry.effects if isinstance(effect, Announce))


def _told(entry: Step | Note) -> list[str]:
    if isinstance(entry, Note):
        return [f"{entry.at:10.3f}  *  {entry.text}"]
    deadline = "-" if entry.deadline is None else f"{entry.deadline:.3f}"
    head = f"{entry.at:10.3f}  {entry.process}  {_input(entry.event)}   [{entry.state}, next {deadline}]"
    return [head, *(f"{'':17}→ {_effect(effect)}" for effect in entry.effects)]


def _input(event: Input) -> str:
    match event:
        case inputs.Submit(request):
            limit = "no limit" if request.deadline is None else f"by {request.deadline:.3f}"
            again = "repeatable" if request.repeatable else "once"
            return f"Submit #{request.number} {request.command} {again}, {limit}"
        case inputs.Received(link, token, body):
            return f"Received link={link} token={int.from_bytes(token)} {body[:_BODY_SHOWN]!r}"
        case inputs.Loaded(load, claimed):
            age = "fresh" if claimed.fresh else "stored"
            return f"Loaded load={load} {claimed.session_id[-4:]} {age} image={claimed.record.image_id}"
        case _:
            return repr(event)


def _effect(effect: Effect) -> str:
    match effect:
        case Send(link, token, body):
            return f"Send link={link} token={int.from_bytes(token)} {body[:_BODY_SHOWN]!r}"
        case Save(session_id, record, sections):
            content = "record only" if sections is None else f"{ {name: s.counter for name, s in sections.items()} }"
            return f"Save {session_id[-4:]} image={record.image_id} wanted={record.wanted} {content}"
        case Announce(event):
            return repr(event)
        case Finish(request, _, error):
            return f"Finish #{request} {'replied' if error is None else repr(error)}"
        case _:
            return repr(effect)
