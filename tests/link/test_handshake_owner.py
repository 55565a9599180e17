"""Whose session a backend gives back: one that numbers them gives our number to another client after a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stui_supervisor.context.context import Section
from stui_supervisor.context.image_copy import encode_state_data
from stui_supervisor.link.handshake import Handshake
from stui_supervisor.link.steps import Established, Merge
from stui_supervisor.machine.states import BackendVerdict
from stui_supervisor.peer.backend_session import BackendSession
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.peer.process import Process
from stui_supervisor.session.records import KnownBackend
from stui_supervisor.wire.dialects import Dialect
from stui_supervisor.wire.strict_json import parse
from tests.support.core.handshakes import (
    BOTH,
    COMMAND,
    ENVELOPE,
    ask,
    begun,
    error,
    established,
    exact,
    known,
    ok,
    restoring,
    session,
)

MINE = parse(encode_state_data({"work": Section(b"1", 3, "an earlier process of mine")}))
THEIRS = parse(encode_state_data({"work": Section(b"2", 9, "somebody else")}))


def of_earlier_version(dialect: Dialect = COMMAND) -> Handshake:
    """It has asked for a session that was stored without what the backend calls its owner."""
    stored = KnownBackend(
        dialect=dialect,
        image=identity_of("one"),
        session=BackendSession("s1"),
        client_id="c",
        sections={"work": Section(b"1", 4, "me"), "old": Section(b"1", 1, "an earlier process of mine")},
    )
    handshake = begun(stored)
    handshake.answered(ok(dialect, image_id="one"))
    return handshake


def pushed_by(client: str) -> Any:
    return parse(encode_state_data({"work": Section(b"2", 9, "somebody")}, client))


@BOTH
@pytest.mark.parametrize("named", [{}, {"client_id": "anonymous"}], ids=["none is named", "everybody has one name"])
def test_what_another_of_us_has_pushed_is_not_ours_whoever_is_named(dialect: Dialect, named: dict[str, str]) -> None:
    start = known(dialect, "one", "s1")
    session = BackendSession("s1", identity_of(named.get("client_id", "c")))
    for client, is_ours in (("theirs", False), ("c", True)):
        handshake = begun(start._replace(session=session))
        handshake.answered(ok(dialect, image_id="one"))
        state = pushed_by(client)
        step = handshake.answered(ok(dialect, session_state=state, **named))
        assert exact(step) == (exact(Merge(state)) if is_ours else ask(dialect, "ping"))


def test_the_same_of_a_copy_that_is_loaded() -> None:
    for client, is_ours in (("theirs", False), ("c", True)):
        handshake = restoring(ENVELOPE)
        assert exact(handshake.answered(ok(ENVELOPE))) == ask(ENVELOPE, "load_context", session_id="s1")
        state = pushed_by(client)
        step = handshake.answered(ok(ENVELOPE, context=state))
        assert exact(step) == (exact(Merge(state)) if is_ours else ask(ENVELOPE, "ping"))


@BOTH
def test_a_session_that_is_denied_to_who_may_ask_who_answers_is_made_anew(dialect: Dialect) -> None:
    handshake = restoring(dialect)
    assert exact(handshake.answered(error(dialect, "PermissionDenied"))) == ask(dialect, "ping")
    assert exact(handshake.answered(ok(dialect, image_id="one"))) == ask(dialect, "create_session", client_id="c")
    made = handshake.answered(ok(dialect, session_id="s2", client_id="c"))
    assert exact(made) == exact(Merge(None, made=session("s2")))


@BOTH
def test_a_session_that_is_another_clients_now_is_neither_merged_nor_pushed_to(dialect: Dialect) -> None:
    handshake = restoring(dialect)
    answer = ok(dialect, session_id="s1", client_id="theirs", session_state={"work": "theirs"})
    assert exact(handshake.answered(answer)) == ask(dialect, "ping")
    assert exact(handshake.answered(ok(dialect, image_id="one"))) == ask(dialect, "create_session", client_id="c")
    handshake.answered(ok(dialect, session_id="s2", client_id="c"))
    step = handshake.merged(ours_is_newer=False)
    assert exact(step) == established(known(dialect, "one", "s2"), BackendVerdict.RESTARTED)


@pytest.mark.parametrize(
    "named",
    [
        {"clientId": "theirs"},
        {"session": {"client_id": "theirs"}},
        {"client_info": {"client_id": "theirs", "platform": "linux"}},
    ],
)
def test_its_owner_may_be_named_in_other_places(named: dict[str, Any]) -> None:
    answer = ok(session_id="s1", session_state={"work": "theirs"}, **named)
    assert exact(restoring().answered(answer)) == ask(COMMAND, "ping")


@pytest.mark.parametrize("named", [{}, {"client_id": None}, {"client_id": ""}, {"client_id": "c"}])
def test_none_named_proves_nothing(named: dict[str, Any]) -> None:
    answer = ok(session_id="s1", session_state={"work": 1}, **named)
    assert exact(restoring().answered(answer)) == exact(Merge({"work": 1}))


def test_a_backend_that_gives_clients_names_of_its_own_is_asked_with_that_and_told_ours_for_a_new_one() -> None:
    handshake = begun(known(COMMAND, "one", "s1")._replace(session=session("s1", 71)))
    assert exact(handshake.answered(ok(image_id="one"))) == (
        ask(COMMAND, "restore_session", session_id="s1", client_id=71)  # type: ignore[arg-type]  # a number here
    )
    handshake.answered(ok(client_id=72))
    assert exact(handshake.answered(ok(image_id="one"))) == ask(COMMAND, "create_session", client_id="c")
    made = handshake.answered(ok(session_id="s2", client_id=72))
    assert exact(made) == exact(Merge(None, made=session("s2", 72)))


def test_an_owner_too_long_to_be_kept_is_compared_and_not_said() -> None:
    owner = "x" * 1_000
    handshake = begun(known(COMMAND, "one", "s1")._replace(session=session("s1", owner)))
    step = handshake.answered(ok(image_id="one"))
    assert exact(step) == ask(COMMAND, "restore_session", session_id="s1", client_id="c")
    assert exact(handshake.answered(ok(client_id=owner, state={"a": 1}))) == exact(Merge({"a": 1}))


@pytest.mark.parametrize(
    ("uptime", "hours", "state", "is_ours"),
    [
        (3_603, 1, THEIRS, True),
        (3_000, 1, THEIRS, False),
        (3_000, 1, MINE, True),
        (2, 1, THEIRS, False),
        (3_000, -1, THEIRS, False),
        (3_000, -1, MINE, True),
    ],
    ids=["the same process", "a later one", "written by us", "its uptime fell", "a clock put back", "the same, ours"],
)
def test_a_process_that_began_since_the_session_was_seen_has_to_show_whose_it_is(
    uptime: int, hours: int, state: Any, is_ours: bool
) -> None:
    now = datetime(2000, 1, 2, tzinfo=UTC)
    had = BackendSession("s1", identity_of("c"), Process(uptime_s=3.0), now - timedelta(hours=hours))
    sections = {"work": Section(b"1", 4, "me"), "old": Section(b"1", 1, "an earlier process of mine")}
    start = known(COMMAND, "one", "s1")._replace(session=had, sections=sections)
    handshake = Handshake(start, with_session=True, utc=now)
    handshake.begin()
    handshake.answered(ok(image_id="one", uptime=uptime))
    step = handshake.answered(ok(session_state=state))
    assert exact(step) == (exact(Merge(state)) if is_ours else ask(COMMAND, "ping"))
    if is_ours:
        step = handshake.merged(ours_is_newer=False)
        assert isinstance(step, Established)
        assert step.known.session == had._replace(process=Process(uptime_s=uptime), seen_at=now)


@pytest.mark.parametrize(("owner", "is_ours"), [("anonymous", False), ("c", True)])
def test_a_name_that_the_backend_has_given_does_not_show_that_to_another_process(owner: str, *, is_ours: bool) -> None:
    had = BackendSession("s1", identity_of(owner), Process(boot=identity_of("first")))
    start = known(COMMAND, "one", "s1")._replace(session=had, sections={"work": Section(b"1", 4, "me")})
    handshake = begun(start)
    handshake.answered(ok(image_id="one", boot_id="second"))
    step = handshake.answered(ok(client_id=owner, session_state=THEIRS))
    assert exact(step) == (exact(Merge(THEIRS)) if is_ours else ask(COMMAND, "ping"))


def test_who_has_no_work_yet_takes_no_session_of_another_process_either() -> None:
    had = BackendSession("s1", identity_of("c"), Process(boot=identity_of("first")))
    handshake = begun(known(COMMAND, "one", "s1")._replace(session=had))
    handshake.answered(ok(image_id="one", boot_id="second"))
    assert exact(handshake.answered(ok(session_state={"work": "theirs"}))) == ask(COMMAND, "ping")


# A session that an earlier version has stored


def test_a_session_of_an_earlier_version_that_is_named_ours_is_ours() -> None:
    handshake = of_earlier_version()
    assert exact(handshake.answered(ok(client_id="c", session_state=THEIRS))) == exact(Merge(THEIRS))
    step = handshake.merged(ours_is_newer=False)
    assert isinstance(step, Established)
    assert step.known.session == session("s1", "c")


def test_a_session_of_an_earlier_version_that_another_of_us_has_pushed_to_by_now_is_not_ours() -> None:
    handshake = of_earlier_version()
    step = handshake.answered(ok(client_id="theirs", session_state=pushed_by("theirs")))
    assert exact(step) == ask(COMMAND, "ping")


def test_a_session_of_an_earlier_version_whose_owner_is_not_named_goes_on_without() -> None:
    handshake = of_earlier_version()
    handshake.answered(ok(session_state=MINE))
    step = handshake.merged(ours_is_newer=False)
    assert isinstance(step, Established)
    assert step.known.session == BackendSession("s1")


def test_a_session_of_an_earlier_version_takes_the_first_name_of_its_owner_where_we_have_written_to_it() -> None:
    handshake = of_earlier_version()
    assert exact(handshake.answered(ok(client_id="renamed", session_state=MINE))) == exact(Merge(MINE))
    step = handshake.merged(ours_is_newer=False)
    assert isinstance(step, Established)
    assert (step.known.session, step.verdict) == (session("s1", "renamed"), BackendVerdict.RESUMED)


@pytest.mark.parametrize("state", [THEIRS, {}, {"work": "of a plain client"}, None, [1]])
def test_a_session_of_an_earlier_version_that_nothing_shows_to_be_ours_is_left_alone(state: Any) -> None:
    handshake = of_earlier_version()
    assert exact(handshake.answered(ok(client_id="somebody", session_state=state))) == ask(COMMAND, "ping")
    assert exact(handshake.answered(ok(image_id="one"))) == ask(COMMAND, "create_session", client_id="c")


@pytest.mark.parametrize(("context", "is_ours"), [(MINE, True), (THEIRS, False), (None, False)])
def test_where_the_context_comes_by_itself_it_shows_whose_the_session_is(context: Any, is_ours: bool) -> None:
    handshake = of_earlier_version(ENVELOPE)
    step = handshake.answered(ok(ENVELOPE, client_id="renamed"))
    assert exact(step) == ask(ENVELOPE, "load_context", session_id="s1")
    step = handshake.answered(ok(ENVELOPE, context=context))
    assert exact(step) == (exact(Merge(context)) if is_ours else ask(ENVELOPE, "ping"))


def test_a_context_that_is_another_clients_is_not_merged() -> None:
    handshake = restoring(ENVELOPE)
    handshake.answered(ok(ENVELOPE))
    step = handshake.answered(ok(ENVELOPE, client_id="theirs", context={"work": "theirs"}))
    assert exact(step) == ask(ENVELOPE, "ping")


def test_a_push_that_is_answered_for_another_client_is_a_refused_one() -> None:
    handshake = restoring()
    handshake.answered(ok(client_id="c"))
    handshake.merged(ours_is_newer=True)
    step = handshake.answered(ok(client_id="theirs", update_successful=True))
    refusal = "its session is another client's now"
    assert exact(step) == established(known(COMMAND, "one", "s1"), BackendVerdict.RESUMED, refusal)
