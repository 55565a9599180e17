"""The simulated image: real bytes in, real bytes out, one request at a time, and a ledger of what it did."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from stui_supervisor.wire.dialects import Dialect
from stui_supervisor.wire.service import InvalidRequest, Request, decode_request, encode_error, encode_result
from tests.simulation.agenda import Agenda
from tests.simulation.identities import USUAL, canonical, named
from tests.simulation.image_sessions import USUAL_MANNERS, ImageSessions, Manners

QUICK_S: Final = (0.0005, 0.01)
TOKEN: Final = "the-right-token-of-this-image"  # noqa: S105  # of a simulated image
_WITH_TOKEN: Final = frozenset({"ping", "create_session", "restore_session"})
_SESSION_COMMANDS: Final = frozenset(
    {"create_session", "restore_session", "update_session_state", "save_context", "load_context"}
)
_PASSING: Final = ("InternalError", "Timeout")
_HOSTILE: Final = (
    b"",
    b"\xff\xfe\x00",
    b"null",
    b"[]",
    b"{}",
    b"[" * 100,
    b'{"status": "success", "status": "error"}',
    b'{"status": "success", "result": NaN}',
    b'{"status": "success", "result": {"session_id": 7, "image_id": [], "session_state": [1]}}',
    b'{"status": "success", "result": {"session_state": {"stui_supervisor": {"sections": {"notes": 1}}}}}',
    b'{"status": "perhaps"}',
    b'{"status": "error", "error_type": 5}',
    b'{"status": "error", "error_type": "InternalError", "error": "\\u001b[2J"}',
    b'{"version": "2.0.0", "payload": 1}',
    b'{"version": "1.0.0", "payload": {"type": "Response", "data": {"response_type": "Pong"}}}',
    b'{"version": "1.0.0", "payload": {"type": "Request", "data": {}}}',
)


class Refused(Exception):
    """The image answers with an error of this type."""

    def __init__(self, error_type: str) -> None:
        super().__init__(error_type)
        self.error_type = error_type


@dataclass(frozen=True, slots=True)
class Character:
    """What kind of server an image runs. A restart may bring another one."""

    image_id: Any
    dialects: frozenset[Dialect] = frozenset({Dialect.COMMAND})
    has_sessions: bool = True
    ignores_other_dialect: bool = False
    ignores_unknown_commands: bool = False
    own_ids: bool = False
    wants_token: bool = False
    state_with_restore: bool = True


@dataclass(slots=True)
class SimulatedImage:
    """One backend. ``ledger`` holds the id of each user request whose execution has begun, ever.

    ``false_sessions`` and ``false_identity`` are how often it claims a session that it has not, and another name out
    of ``names``. ``kept`` are the sessions of the image that answers now. ``passing`` is how often it fails to do what
    it can do at other times. ``has_misled`` is True once it has said what is not so, or another image was in its place.
    ``forgot_in`` is the latest boot that began without the sessions of the one before.
    """

    agenda: Agenda
    character: Character
    is_up: bool = True
    boot: int = 1
    frozen_until: float = 0.0
    service_s: tuple[float, float] = QUICK_S
    hostility: float = 0.0
    false_sessions: float = 0.0
    false_identity: float = 0.0
    refuses_everyone: bool = False
    names: tuple[Any, ...] = USUAL
    ledger: list[str] = field(default_factory=list)
    manners: Manners = USUAL_MANNERS
    passing: float = 0.0
    has_misled: bool = False
    forgot_in: int = 0
    up_since: float = 0.0
    kept: ImageSessions = field(init=False)
    _elsewhere: dict[str | None, ImageSessions] = field(default_factory=dict)
    _change: tuple[int, Any] = (0, None)
    _queue: deque[tuple[bytes, Callable[[bytes], None]]] = field(default_factory=deque)
    _is_serving: bool = False

    def __post_init__(self) -> None:
        self.kept = ImageSessions(self.manners)

    @property
    def sessions(self) -> dict[str, Mapping[str, Any]]:
        """The state of each session."""
        return self.kept.states

    def become(self, image_id: Any) -> None:
        """Another image answers from now on, with sessions of its own."""
        self.has_misled = True
        self._elsewhere[canonical(self.character.image_id)] = self.kept
        self.character = replace(self.character, image_id=image_id)
        self.kept = self._elsewhere.pop(canonical(image_id), ImageSessions(self.manners, made=self._next_made()))

    def _next_made(self) -> int:
        """Ids that no other image at this endpoint has used."""
        return max(kept.made for kept in (self.kept, *self._elsewhere.values()))

    def changes_after(self, messages: int, image_id: Any) -> None:
        """The same after so many more messages; 0 for never."""
        self._change = messages, image_id

    def arrive(self, body: bytes, answer: Callable[[bytes], None]) -> None:
        """A message is here and waits for its turn."""
        self._queue.append((body, answer))
        self._serve()

    def go_down(self) -> None:
        """The process ends; what waits in it is gone."""
        self.is_up = False
        self.boot += 1
        self._queue.clear()
        self._is_serving = False

    def come_up(self, character: Character, *, keeps_sessions: bool) -> None:
        """The process starts again."""
        self.character = character
        self.is_up, self.up_since = True, self.agenda.now
        self.frozen_until = 0.0
        if not keeps_sessions:
            self.forgot_in = self.boot
            self.kept.begin_anew()
            self._elsewhere.clear()

    def freeze(self, seconds: float) -> None:
        """Stop the process for a while without ending it; its kernel goes on."""
        self.frozen_until = max(self.frozen_until, self.agenda.now + seconds)

    def _serve(self) -> None:
        if self._is_serving or not self._queue or not self.is_up:
            return
        self._is_serving = True
        boot, (body, answer) = self.boot, self._queue.popleft()
        self._begin(body)
        wait_s = max(0.0, self.frozen_until - self.agenda.now)
        self.agenda.after(wait_s + self.agenda.between(*self.service_s), lambda: self._done(boot, body, answer))

    def _begin(self, body: bytes) -> None:
        """From here on a user's request may have had its effect, whatever becomes of its reply."""
        try:
            request = decode_request(body)
        except InvalidRequest:
            return
        if request.command not in _SESSION_COMMANDS | {"ping"} and request.dialect in self.character.dialects:
            self.ledger.append(request.id)

    def _done(self, boot: int, body: bytes, answer: Callable[[bytes], None]) -> None:
        if boot != self.boot:
            return
        if self.frozen_until > self.agenda.now:
            self.agenda.at(self.frozen_until, lambda: self._done(boot, body, answer))
            return
        self._is_serving = False
        reply = self._reply(body)
        self._count()
        if reply is not None:
            is_hostile = self.agenda.chance(self.hostility)
            self.has_misled |= is_hostile
            answer(self.agenda.rng.choice(_HOSTILE) if is_hostile else reply)
        self._serve()

    def _count(self) -> None:
        messages, image_id = self._change
        self._change = max(0, messages - 1), image_id
        if messages == 1:
            self.become(image_id)

    def _reply(self, body: bytes) -> bytes | None:
        at = self.agenda.clock.utc()
        try:
            request = decode_request(body)
        except InvalidRequest as error:
            return encode_error(self._in_own_terms(error.request), "InvalidRequest", str(error), at=at)
        if request.dialect not in self.character.dialects and self.character.ignores_other_dialect:
            return None
        if self.character.ignores_unknown_commands and request.command in _SESSION_COMMANDS:
            return None
        try:
            self._check(request)
            return encode_result(self._in_own_terms(request), self._result(request), at=at)
        except Refused as refused:
            return encode_error(self._in_own_terms(request), refused.error_type, "not this", at=at)

    def _check(self, request: Request) -> None:
        is_for_session = request.command in _SESSION_COMMANDS
        if request.dialect not in self.character.dialects or (is_for_session and not self.character.has_sessions):
            raise Refused("Error")
        if request.command in _WITH_TOKEN and not self._lets_in(request):
            raise Refused("AuthenticationFailed")
        is_own = is_for_session or request.command == "ping"
        if is_own and self.passing and self.agenda.side_rng.random() < self.passing:
            raise Refused(self.agenda.side_rng.choice(_PASSING))
        if request.parameters.get("fails"):
            raise Refused("PermissionDenied")
        is_old = is_for_session and request.command != "create_session"
        if is_old and request.parameters["session_id"] not in self.sessions and not self._claims_it():
            raise Refused("SessionNotFound")

    def _claims_it(self) -> bool:
        claims_it = self.agenda.chance(self.false_sessions)
        self.has_misled |= claims_it
        return claims_it

    def _lets_in(self, request: Request) -> bool:
        if self.refuses_everyone:
            return False
        return not self.character.wants_token or request.parameters.get("auth_token") == TOKEN

    def _result(self, request: Request) -> dict[str, Any]:
        match request.command:
            case "ping":
                image_id = self.character.image_id
                if self.agenda.chance(self.false_identity):
                    self.has_misled = True
                    image_id = self.agenda.rng.choice(self.names)
                return {"message": "pong", "status": "ready", **named(image_id), **self._of_process()}
            case command if command in _SESSION_COMMANDS:
                return self._session_result(request)
            case _:
                return {"echo": request.id}

    def _of_process(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if self.manners.tells_boot:
            told["boot_id"] = f"{canonical(self.character.image_id)} {self.boot}"
        if self.manners.tells_uptime:
            told["uptime"] = int(self.agenda.now - self.up_since)
        return told

    def _session_result(self, request: Request) -> dict[str, Any]:
        session = str(request.parameters.get("session_id"))
        match request.command:
            case "create_session":
                client = str(request.parameters.get("client_id"))
                session = self.kept.make(f"{self.character.image_id!s:.20}", client)
                answer = {"session_id": session, "client_id": self.kept.owners[session]}
                if self._claims_it():
                    del self.sessions[session], self.kept.owners[session]
                return answer
            case "restore_session":
                name = "session_state" if request.dialect is Dialect.COMMAND else "state"
                state = self.sessions.get(session, {}) if self.character.state_with_restore else {}
                return {"session_id": session, name: state, **self.kept.owner_named(session)}
            case "load_context":
                return {"loaded": True, "context": self.sessions.get(session) or None}
            case _:
                if session in self.sessions:
                    self.kept.write(session, request.parameters["state_data"])
                return {"session_id": session, "update_successful": True, **self.kept.owner_named(session)}

    def _in_own_terms(self, request: Request) -> Request:
        dialects = self.character.dialects
        dialect = request.dialect if request.dialect in dialects else min(dialects)
        return replace(request, dialect=dialect, id="mine" if self.character.own_ids else request.id)
