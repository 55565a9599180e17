"""What the reference backend does for each command. It knows nothing of sockets."""

from __future__ import annotations

import hmac
import os
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from stui_supervisor._version import __version__
from stui_supervisor.backend.errors import Kind, Refusal
from stui_supervisor.backend.guarantees import Guarantees
from stui_supervisor.backend.sessions import Session, Sessions
from stui_supervisor.backend.settings import CLEANUP_INTERVAL_S, SESSIONS_PER_CLIENT, BackendSettings
from stui_supervisor.backend.smalltalk.evaluator import evaluate
from stui_supervisor.backend.smalltalk.messages import selectors_of
from stui_supervisor.backend.smalltalk.values import EvaluationError, Workspace, class_name, print_string
from stui_supervisor.wire.capabilities import DEADLINE, IDEMPOTENCY
from stui_supervisor.wire.commands import WITH_TOKEN
from stui_supervisor.wire.dialects import Dialect
from stui_supervisor.wire.service import Request

Parameters = Mapping[str, Any]
Result = dict[str, Any]

_OLD_COMMANDS: Final = frozenset({"ping", "evaluate", "inspect"})


class Image:
    """The commands of STUI over one set of sessions and one workspace for requests without a session.

    ``wait`` blocks for a Delay, ``publish`` takes a topic and its content. ``changed`` becomes True
    with each change that belongs into the state file; whoever saves it sets it back to False.
    """

    def __init__(
        self,
        settings: BackendSettings,
        *,
        wait: Callable[[float], None],
        publish: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self.sessions = Sessions(settings.session_timeout_s, self._session_changed)
        self.guarantees = Guarantees()
        self.notifications: str | None = None
        self.changed = False
        self._settings = settings
        self._wait = wait
        self._publish = publish
        self._workspace = Workspace()
        self._boot_id = str(uuid.uuid4())
        self._booted_s = time.monotonic()
        self._commands: dict[str, Callable[[Parameters, float], Result]] = {
            "ping": self._ping,
            "evaluate": self._evaluate,
            "inspect": self._inspect,
            "create_session": self._create_session,
            "restore_session": self._restore_session,
            "update_session_state": self._update_session_state,
            "close_session": self._close_session,
            "get_session_info": self._get_session_info,
            "list_client_sessions": self._list_client_sessions,
            "get_session_statistics": self._get_session_statistics,
            "save_context": self._update_session_state,
            "load_context": self._load_context,
            "get_context_summary": self._get_context_summary,
            "clear_context": self._clear_context,
        }

    def admit(self, request: Request, now: float) -> None:
        """Check the guarantees about a request; to be called before ``answer``. Raises Refusal when it must not run."""
        if self._settings.with_sessions:
            self.changed |= self.guarantees.admit(request.parameters, now)

    def answer(self, request: Request, now: float) -> Result:
        """The result of one request, ``now`` in seconds since 1970. Raises Refusal."""
        command = self._commands.get(request.command)
        if command is None or not (self._settings.with_sessions or request.command in _OLD_COMMANDS):
            raise Refusal(Kind.UNKNOWN_COMMAND, f"the command {request.command[:60]!r} is not known")
        if request.command in WITH_TOKEN:
            self._authenticate(request.parameters)
        result = command(request.parameters, now)
        return _in_envelope(request.command, result) if request.dialect is Dialect.ENVELOPE else result

    def _authenticate(self, parameters: Parameters) -> None:
        wanted, given = self._settings.token, parameters.get("auth_token")
        if wanted is None:
            return
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Refusal(Kind.NOT_AUTHENTICATED, "the token is missing or wrong")

    def _session_changed(self, what: str, session: Session) -> None:
        self.changed = True
        self._publish("session-updates", {"change": what, "session_id": session.session_id})

    def _ping(self, parameters: Parameters, _now: float) -> Result:
        result = {
            "message": parameters.get("message", "pong"),
            "image_id": self._settings.image_id,
            "boot_id": self._boot_id,
            "server": "stui-supervisor reference backend",
            "version": __version__,
            "uptime": round(time.monotonic() - self._booted_s, 3),
            "pid": os.getpid(),
            "capabilities": [DEADLINE, IDEMPOTENCY] if self._settings.with_sessions else [],
        }
        return result | ({"notifications": self.notifications} if self.notifications else {})

    def _evaluate(self, parameters: Parameters, now: float) -> Result:
        code = _text(parameters, "code")
        workspace = self._workspace_of(parameters, now)
        if workspace is not self._workspace:
            self.sessions.refuse_above_limit(0, now)
        began_s = time.perf_counter()
        try:
            value = evaluate(code, workspace, wait=self._wait)
        except EvaluationError as error:
            self._publish("errors", {"error_type": Kind.NOT_EVALUATED.value[0], "message": str(error)})
            raise Refusal(Kind.NOT_EVALUATED, str(error)) from error
        finally:
            self.changed |= workspace is not self._workspace
        return {
            "result": print_string(value),
            "result_type": class_name(value),
            "execution_time": round((time.perf_counter() - began_s) * 1_000, 3),
            "has_error": False,
        }

    def _inspect(self, parameters: Parameters, now: float) -> Result:
        name = _text(parameters, "objectId")
        values = self._workspace_of(parameters, now).values
        if name not in values:
            raise Refusal(Kind.UNKNOWN_OBJECT, "there is no variable of that name")
        description = {"name": name, "class": class_name(values[name]), "print_string": print_string(values[name])}
        return {"object_info": description, "instance_vars": [], "methods": selectors_of(values[name])}

    def _workspace_of(self, parameters: Parameters, now: float) -> Workspace:
        if parameters.get("session_id") is None:
            return self._workspace
        return self.sessions.find(_text(parameters, "session_id"), now).workspace

    def _create_session(self, parameters: Parameters, now: float) -> Result:
        named = parameters.get("client_id") is not None
        client_id = _text(parameters, "client_id") if named else str(uuid.uuid4())
        return self._describe(self.sessions.create(client_id, now), now)

    def _restore_session(self, parameters: Parameters, now: float) -> Result:
        session = self.sessions.restore(_text(parameters, "session_id"), now)
        variables = {name: class_name(value) for name, value in session.workspace.values.items()}
        return {
            **self._describe(session, now),
            "session_state": session.state,
            "workspace_context": {"variables": variables},
            "inspector_state": {},
            "object_registry": {},
        }

    def _update_session_state(self, parameters: Parameters, now: float) -> Result:
        name = "state_data" if "state_data" in parameters else "context"
        state = parameters.get(name)
        if not isinstance(state, dict):
            raise Refusal(Kind.INVALID_PARAMETERS, "state_data has to be an object")
        session = self.sessions.keep_state(_text(parameters, "session_id"), state, now)
        return {**self._describe(session, now), "session_state": session.state, "update_successful": True}

    def _close_session(self, parameters: Parameters, now: float) -> Result:
        return {"session_id": self.sessions.close(_text(parameters, "session_id"), now).session_id, "closed": True}

    def _get_session_info(self, parameters: Parameters, now: float) -> Result:
        return self._describe(self.sessions.look_at(_text(parameters, "session_id")), now)

    def _list_client_sessions(self, parameters: Parameters, now: float) -> Result:
        client_id = _text(parameters, "client_id")
        sessions = [self._describe(session, now) for session in self.sessions.of_client(client_id, now)]
        return {"client_id": client_id, "session_count": len(sessions), "sessions": sessions}

    def _get_session_statistics(self, _parameters: Parameters, now: float) -> Result:
        sessions = self.sessions.all.values()
        live = [session for session in sessions if self.sessions.expires_in(session, now) > 0]
        return {
            "total_sessions": len(live),
            "active_clients": len({session.client_id for session in live}),
            "max_sessions_per_client": SESSIONS_PER_CLIENT,
            "default_timeout": self.sessions.timeout_s,
            "cleanup_interval": CLEANUP_INTERVAL_S,
        }

    def _load_context(self, parameters: Parameters, now: float) -> Result:
        session = self.sessions.find(_text(parameters, "session_id"), now)
        return {"session_id": session.session_id, "loaded": bool(session.state), "context": session.state or None}

    def _get_context_summary(self, parameters: Parameters, now: float) -> Result:
        session = self.sessions.find(_text(parameters, "session_id"), now)
        return {**self._describe(session, now), "sections": sorted(session.state)}

    def _clear_context(self, parameters: Parameters, now: float) -> Result:
        session = self.sessions.keep_state(_text(parameters, "session_id"), {}, now)
        return {"session_id": session.session_id, "cleared": True}

    def _describe(self, session: Session, now: float) -> Result:
        return {**self.sessions.describe(session, now), "image_id": self._settings.image_id}


def _in_envelope(command: str, result: Result) -> Result:
    if command == "ping":
        return {**result, "status": "ready"}
    return {("state" if name == "session_state" else name): value for name, value in result.items()}


def _text(parameters: Parameters, name: str) -> str:
    value = parameters.get(name)
    if not isinstance(value, str):
        raise Refusal(Kind.INVALID_PARAMETERS, f"the parameter {name} has to be text")
    return value
