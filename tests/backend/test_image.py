from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stui_supervisor._version import __version__
from stui_supervisor.backend import BackendSettings
from stui_supervisor.backend.errors import Kind, Refusal
from stui_supervisor.backend.image import Image
from stui_supervisor.backend.settings import SESSIONS_MAX_BYTES
from stui_supervisor.backend.smalltalk.messages import selectors_of
from stui_supervisor.wire.dialects import Dialect
from stui_supervisor.wire.service import Request

NOW = 1_800_000_000.0


class Asked:
    """An image, and what it published."""

    def __init__(self, **settings: Any) -> None:
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.waited: list[float] = []
        self.image = Image(
            BackendSettings(**settings),
            wait=self.waited.append,
            publish=lambda topic, content: self.published.append((topic, content)),
        )

    def ask(self, command: str, now: float = NOW, **parameters: Any) -> dict[str, Any]:
        return self.image.answer(Request(Dialect.COMMAND, "m", command, parameters), now)

    def refusal(self, command: str, now: float = NOW, **parameters: Any) -> tuple[Kind, str]:
        with pytest.raises(Refusal) as caught:
            self.ask(command, now, **parameters)
        return caught.value.kind, str(caught.value)

    def session(self, client_id: str = "c1") -> str:
        return str(self.ask("create_session", client_id=client_id)["session_id"])


def test_ping_says_who_answers() -> None:
    answer = Asked().ask("ping", message="hello")
    assert answer.pop("boot_id") != Asked().ask("ping")["boot_id"]
    assert answer.pop("uptime") >= 0
    assert answer.pop("pid") > 0
    assert answer == {
        "message": "hello",
        "image_id": "Pharo 12.0 (reference)",
        "server": "stui-supervisor reference backend",
        "version": __version__,
        "capabilities": ["deadline", "idempotency"],
    }


def test_ping_in_an_envelope_is_ready() -> None:
    answer = Asked().image.answer(Request(Dialect.ENVELOPE, "m", "ping", {}), NOW)
    assert (answer["status"], answer["message"]) == ("ready", "pong")
    assert {"image_id", "boot_id", "server", "version", "uptime", "pid", "capabilities"} <= set(answer)


def test_evaluate_shows_the_value_and_its_class() -> None:
    answer = Asked().ask("evaluate", code="'a' , 'b'")
    assert answer.pop("execution_time") >= 0
    assert answer == {"result": "'ab'", "result_type": "ByteString", "has_error": False}


def test_an_evaluation_error_is_answered_and_published() -> None:
    asked = Asked()
    assert asked.refusal("evaluate", code="1 / 0") == (
        Kind.NOT_EVALUATED,
        "ZeroDivide: a number cannot be divided by zero",
    )
    error = {"error_type": "EvaluationError", "message": "ZeroDivide: a number cannot be divided by zero"}
    assert asked.published == [("errors", error)]


def test_a_delay_waits() -> None:
    asked = Asked()
    asked.ask("evaluate", code="(Delay forSeconds: 3) wait")
    assert asked.waited == [3.0]


def test_variables_belong_to_their_session_or_to_everybody() -> None:
    asked = Asked()
    session_id = asked.session()
    asked.ask("evaluate", code="x := 1")
    asked.ask("evaluate", code="x := 2", session_id=session_id)
    assert asked.ask("evaluate", code="x")["result"] == "1"
    assert asked.ask("evaluate", code="x", session_id=session_id)["result"] == "2"
    assert asked.refusal("evaluate", code="x", session_id="gone")[0] is Kind.UNKNOWN_SESSION


def test_inspect_describes_a_variable() -> None:
    asked = Asked()
    asked.ask("evaluate", code="x := 1/2")
    assert asked.ask("inspect", objectId="x") == {
        "object_info": {"name": "x", "class": "Fraction", "print_string": "(1/2)"},
        "instance_vars": [],
        "methods": selectors_of(0.5),
    }
    assert asked.refusal("inspect", objectId="y") == (Kind.UNKNOWN_OBJECT, "there is no variable of that name")


def test_a_session_is_restored_with_all_that_it_held() -> None:
    asked = Asked(image_id="Pharo 13")
    session_id = asked.session()
    state = {"workspaces": [{"text": "3 + 4"}]}
    asked.ask("evaluate", code="x := 'y'", session_id=session_id)
    updated = asked.ask("update_session_state", NOW + 5, session_id=session_id, state_data=state)
    assert (updated["session_state"], updated["update_successful"]) == (state, True)
    assert asked.ask("restore_session", NOW + 10, session_id=session_id) == {
        "session_id": session_id,
        "client_id": "c1",
        "created_at": "2027-01-15T08:00:00.000Z",
        "last_modified": "2027-01-15T08:00:05.000Z",
        "timeout": 3_600.0,
        "time_until_expiry": 3_600.0,
        "is_expired": False,
        "is_active": True,
        "image_id": "Pharo 13",
        "session_state": state,
        "workspace_context": {"variables": {"x": "ByteString"}},
        "inspector_state": {},
        "object_registry": {},
    }


def test_updating_replaces_the_whole_state() -> None:
    asked = Asked()
    session_id = asked.session()
    asked.ask("update_session_state", session_id=session_id, state_data={"a": 1})
    asked.ask("save_context", session_id=session_id, context={"b": 2})
    assert asked.ask("restore_session", session_id=session_id)["session_state"] == {"b": 2}


def test_context_commands_work_on_the_state_of_the_session() -> None:
    asked = Asked()
    session_id = asked.session()
    empty = {"session_id": session_id, "loaded": False, "context": None}
    assert asked.ask("load_context", session_id=session_id) == empty
    asked.ask("save_context", session_id=session_id, state_data={"b": 1, "a": 2})
    assert asked.ask("get_context_summary", session_id=session_id)["sections"] == ["a", "b"]
    full = {"session_id": session_id, "loaded": True, "context": {"a": 2, "b": 1}}
    assert asked.ask("load_context", session_id=session_id) == full
    assert asked.ask("clear_context", session_id=session_id) == {"session_id": session_id, "cleared": True}
    assert asked.ask("load_context", session_id=session_id) == empty


def test_sessions_are_counted_and_listed() -> None:
    asked = Asked(session_timeout_s=60.0)
    first, second = asked.session("c1"), asked.session("c1")
    asked.session("c2")
    listed = asked.ask("list_client_sessions", client_id="c1")
    assert [session["session_id"] for session in listed["sessions"]] == [first, second]
    assert (listed["client_id"], listed["session_count"]) == ("c1", 2)
    assert asked.ask("get_session_statistics") == {
        "total_sessions": 3,
        "active_clients": 2,
        "max_sessions_per_client": 5,
        "default_timeout": 60.0,
        "cleanup_interval": 300.0,
    }
    assert asked.ask("get_session_statistics", NOW + 61)["total_sessions"] == 0


def test_an_expired_session_is_told_but_not_restored() -> None:
    asked = Asked(session_timeout_s=60.0)
    session_id = asked.session()
    assert asked.ask("get_session_info", NOW + 61, session_id=session_id)["is_expired"] is True
    assert asked.refusal("restore_session", NOW + 61, session_id=session_id)[0] is Kind.UNKNOWN_SESSION


def test_a_closed_session_is_gone() -> None:
    asked = Asked()
    session_id = asked.session()
    assert asked.ask("close_session", session_id=session_id) == {"session_id": session_id, "closed": True}
    assert asked.refusal("close_session", session_id=session_id) == (Kind.UNKNOWN_SESSION, "there is no such session")


def test_a_client_without_a_name_gets_one() -> None:
    asked = Asked()
    first, second = (asked.ask("create_session", client_info={"platform": "linux"}) for _ in range(2))
    assert first["client_id"] != second["client_id"]


def test_changes_of_sessions_are_published() -> None:
    asked = Asked()
    session_id = asked.session()
    asked.ask("close_session", session_id=session_id)
    assert asked.published == [
        ("session-updates", {"change": what, "session_id": session_id}) for what in ("created", "closed")
    ]
    assert asked.image.changed


@pytest.mark.parametrize("command", ["browse_class", "debug", "", "__init__"])
def test_an_unknown_command_is_refused(command: str) -> None:
    assert Asked().refusal(command) == (Kind.UNKNOWN_COMMAND, f"the command {command!r} is not known")


def test_an_old_server_knows_three_commands() -> None:
    asked = Asked(with_sessions=False)
    asked.ask("ping")
    assert asked.ask("evaluate", code="x := 3")["result"] == "3"
    assert asked.ask("inspect", objectId="x")["object_info"]["print_string"] == "3"
    assert asked.refusal("create_session", client_id="c")[0] is Kind.UNKNOWN_COMMAND


@pytest.mark.parametrize(
    ("command", "parameters", "why"),
    [
        ("evaluate", {}, "the parameter code has to be text"),
        ("evaluate", {"code": 5}, "the parameter code has to be text"),
        ("evaluate", {"code": "1", "session_id": 5}, "the parameter session_id has to be text"),
        ("inspect", {}, "the parameter objectId has to be text"),
        ("create_session", {"client_id": []}, "the parameter client_id has to be text"),
        ("restore_session", {}, "the parameter session_id has to be text"),
        ("update_session_state", {"session_id": "s", "state_data": []}, "state_data has to be an object"),
    ],
)
def test_parameters_of_the_wrong_kind_are_refused(command: str, parameters: dict[str, Any], why: str) -> None:
    assert Asked().refusal(command, **parameters) == (Kind.INVALID_PARAMETERS, why)


@pytest.mark.parametrize("command", ["ping", "create_session", "restore_session"])
@pytest.mark.parametrize("given", [{}, {"auth_token": "wrong"}, {"auth_token": 5}, {"auth_token": "\u00fc"}])
def test_the_first_commands_need_the_token(command: str, given: dict[str, Any]) -> None:
    refusal = Asked(token="a long enough token").refusal(command, **given)  # noqa: S106  # guards nothing
    assert refusal == (Kind.NOT_AUTHENTICATED, "the token is missing or wrong")


def test_the_right_token_opens_and_later_commands_need_none(tmp_path: Path) -> None:
    asked = Asked(token=tmp_path.name)
    asked.ask("ping", auth_token=tmp_path.name)
    session = asked.ask("create_session", client_id="c", auth_token=tmp_path.name)
    asked.ask("restore_session", session_id=session["session_id"], auth_token=tmp_path.name)
    assert asked.ask("evaluate", code="1")["result"] == "1"


def test_in_a_full_image_a_session_can_be_looked_at_and_closed_and_puts_nothing_more_into_it() -> None:
    asked = Asked()
    session_id = asked.session()
    asked.image.sessions.look_at(session_id).state_bytes = SESSIONS_MAX_BYTES
    kind, why = asked.refusal("evaluate", code="x := 1", session_id=session_id)
    assert (kind, why) == (Kind.TOO_MANY_SESSIONS, "all sessions together may take 60,000,000 bytes; close one")
    assert asked.ask("evaluate", code="1")["result"] == "1"
    assert asked.ask("restore_session", session_id=session_id)["is_active"] is True
    assert asked.ask("close_session", session_id=session_id)["closed"] is True
