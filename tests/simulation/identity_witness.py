"""Who answers is who was asked for: images are told apart by name, and nothing goes out on an old look."""

from __future__ import annotations

from collections.abc import Sequence

from stui_supervisor.core import inputs
from stui_supervisor.core.core import Core
from stui_supervisor.core.effects import Announce, CloseLink, Effect, OpenLink, Send
from stui_supervisor.core.inputs import Input
from stui_supervisor.events import SessionSwitched, Transition
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.profile import Profile
from stui_supervisor.wire.dialects import Reply, decode
from stui_supervisor.wire.service import decode_request
from stui_supervisor.wire.strict_json import MalformedMessage
from tests.simulation.identities import NULL, canonical, known_as, spellings
from tests.simulation.violation import demand

_LOOK_S = 10.0  # no request goes out on an older look
_ROUNDED_S = 1e-6
_PUSHES = frozenset({"update_session_state", "save_context"})
_OF_SESSIONS = frozenset({"create_session", "restore_session", "load_context"}) | _PUSHES
_UP = (State.CONNECTED, State.DEGRADED)


class IdentityWitness:
    """Knows what the pings of one program were told, and by which name its core knows each image."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._profile: Profile | None = None
        self._in_flight: dict[bytes, str] = {}
        self._told: str | None = None
        self._spellings: tuple[str, ...] = ()
        self._is_pinned = False
        self._last_told: str | None = None
        self._looked_at = 0.0
        self._known_as: dict[str, str] = {}
        self._waits_for: dict[str, str | None] = {}

    def saw(self, event: Input, effects: Sequence[Effect], now: float) -> None:
        """Judge one step."""
        match event:
            case inputs.ProfileRead(_, profile):
                self._profile = profile
                self._is_pinned = self._told is not None and profile.pin_image in self._spellings
            case inputs.Connect():
                self._last_told = None
            case inputs.Start(endpoint) if endpoint is not None:
                self._last_told = None
            case inputs.Submit(request):
                self._waits_for[request.message_id] = self._last_told
            case inputs.Received(_, token, body) if token in self._in_flight:
                is_ping = self._in_flight[token] == "ping"
                self._in_flight.clear()
                if is_ping:
                    self._look(body, now)
        for effect in effects:
            self._does(effect, now)

    def _does(self, effect: Effect, now: float) -> None:
        match effect:
            case OpenLink() | CloseLink():
                self._in_flight.clear()
                self._told, self._is_pinned = None, False
            case Send(_, token, body):
                self._sent(token, body, now)
            case Announce(SessionSwitched()):
                self._last_told = self._told or self._last_told
            case Announce(Transition(trigger=Trigger.ESTABLISHED)):
                self._established()

    def _look(self, body: bytes, now: float) -> None:
        self._looked_at = now
        try:
            reply = decode(body)
        except MalformedMessage:
            return
        if not reply.ok:
            return
        name = _name_in(reply)
        self._told = canonical(name)
        if self._core.state in _UP:
            self._last_told = self._told or self._last_told
        pin = self._profile.pin_image if self._profile else None
        self._spellings = spellings(name)
        self._is_pinned = self._told is not None and pin in self._spellings

    def _established(self) -> None:
        """Each image is known by one name, and no other image by that."""
        if self._told is None:
            return
        self._last_told = self._told
        image_id = known_as(self._core.session.record)
        demand(image_id is not None, f"an image that says who it is ({self._told:.40}) is known")
        self._compare(self._told, str(image_id))

    def _compare(self, told: str, image_id: str) -> None:
        known = self._known_as.setdefault(told, image_id)
        others = [other for other, name in self._known_as.items() if name == image_id and other != told]
        demand(known == image_id and not others, f"{told:.40} is one image and is not {others or image_id}")

    def _sent(self, token: bytes, body: bytes, now: float) -> None:
        message = decode_request(body)
        self._in_flight[token] = message.command
        if message.command == "ping":
            return
        if self._profile is not None and self._profile.pin_image is not None:
            demand(self._is_pinned, f"{message.command} goes to the pinned image only, not to {self._told}")
        if message.command in _PUSHES and self._core.state in _UP and self._told is not None:
            image_id = known_as(self._core.session.record)
            if image_id is not None:
                self._compare(self._told, image_id)
        if message.command in _OF_SESSIONS:
            return
        age_s = now - self._looked_at
        demand(age_s <= _LOOK_S + _ROUNDED_S, f"no request goes out on a look that is {age_s:.3f} s old")
        waits_for = self._waits_for.get(message.id)
        is_for_it = waits_for in {None, self._told} or self._told is None
        demand(is_for_it, f"what waits for {waits_for} does not go to {self._told}")


def _name_in(reply: Reply) -> object:
    name = reply.result.get("image_id", None)
    return NULL if name is None else name
