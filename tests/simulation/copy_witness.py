"""What others have written into a session of ours is kept before a copy of ours takes its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stui_supervisor.context.context import METADATA_KEY, Section
from stui_supervisor.core import inputs
from stui_supervisor.core.core import Core
from stui_supervisor.core.effects import CloseLink, Effect, SaveSnapshot, Send
from stui_supervisor.core.inputs import Input
from stui_supervisor.wire.dialects import decode
from stui_supervisor.wire.service import Request, decode_request
from stui_supervisor.wire.strict_json import MalformedMessage
from tests.simulation.violation import demand

FOREIGN = "foreign"  # how the values of other clients begin, each of which is written once
_READS = frozenset({"restore_session", "load_context"})
_PUSHES = frozenset({"update_session_state", "save_context"})
_STATES = ("session_state", "state", "context")


class CopyWitness:
    """Follows what one program was shown of the sessions in the images. Without a disk there is no place to keep it.

    ``kept`` is what this program and those before it have kept.
    """

    def __init__(self, core: Core, kept: set[bytes]) -> None:
        self._core = core
        self._in_flight: dict[bytes, Request] = {}
        self._seen: dict[str, set[bytes]] = {}
        self._kept = kept

    def saw(self, event: Input, effects: Sequence[Effect]) -> None:
        """Judge one step."""
        if isinstance(event, inputs.Received) and event.token in self._in_flight:
            request = self._in_flight[event.token]
            self._in_flight.clear()
            if request.command in _READS:
                self._seen[str(request.parameters["session_id"])] = set(_foreign(event.body))
                self._keep(self._core.session.context.sections().values())
        for effect in effects:
            match effect:
                case SaveSnapshot(_, sections):
                    self._keep(sections.values())
                case CloseLink():  # the next link shows it anew
                    self._in_flight.clear()
                    self._seen.clear()
                case Send(_, token, body):
                    self._sent(token, decode_request(body))

    def _keep(self, sections: Iterable[Section]) -> None:
        self._kept.update(section.value for section in sections if section.value is not None)

    def _sent(self, token: bytes, request: Request) -> None:
        self._in_flight[token] = request
        if request.command in _PUSHES and self._core.session.id is not None:
            self._keep(self._core.session.context.sections().values())  # it may have been taken a look later
            lost = self._seen.pop(str(request.parameters["session_id"]), set()) - self._kept
            demand(not lost, f"what another client has written is kept before ours takes its place: {lost}")


def _foreign(body: bytes) -> Iterable[bytes]:
    try:
        result = decode(body).result
    except MalformedMessage:
        return
    state: Mapping[str, Any] = next((result[key] for key in _STATES if isinstance(result.get(key), Mapping)), {})
    for name, value in state.items():
        if name != METADATA_KEY and isinstance(value, str) and value.startswith(FOREIGN):
            yield f'"{value}"'.encode()
