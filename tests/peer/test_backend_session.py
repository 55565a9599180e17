from __future__ import annotations

from typing import Any

import pytest

from stui_supervisor.peer.backend_session import BackendSession, client_in, names_another_session, session_in
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.wire.dialects import Dialect, decode
from tests.support.core.handshakes import GARBAGE, error, ok, session


def test_the_owner_is_who_the_backend_says_else_who_we_said() -> None:
    assert session_in(ok(session_id="s1", client_id="theirs"), "ours") == session("s1", "theirs")
    assert session_in(ok(session_id="s1"), "ours") == session("s1", "ours")
    assert session_in(ok(session_id=1, client_id=2), "ours") == session(1, 2)


@pytest.mark.parametrize("reply", [ok(), ok(session_id=""), ok(session_id=False), error(), GARBAGE])
def test_an_answer_without_a_session_has_none(reply: object) -> None:
    assert session_in(reply, "ours") is None  # type: ignore[arg-type]  # one of the two kinds


def test_a_later_server_names_the_client_beside_the_status() -> None:
    beside = decode(b'{"id":"1","status":"success","client_id":"theirs","result":{"session_id":"s1"}}')
    within = decode(b'{"id":"1","status":"success","client_id":"asking","result":{"client_id":"theirs"}}')
    assert [client_in(reply) for reply in (beside, within)] == [identity_of("theirs")] * 2
    envelope = decode(b'{"version":"1.0.0","payload":{"data":{"response_type":"X","client_id":7,"data":{}}}}')
    assert (envelope.dialect, client_in(envelope)) == (Dialect.ENVELOPE, identity_of(7))


@pytest.mark.parametrize(
    ("answer", "is_other"),
    [
        ({"session_id": "7", "client_id": "c"}, False),
        ({"session_id": 7}, False),
        ({"session_id": None, "client_id": ""}, False),
        ({}, False),
        ({"session_id": "8"}, True),
        ({"session_id": ["7"]}, True),
        ({"client_id": "C"}, True),
        ({"client_id": 7}, True),
        ({"client_id": "x" * 1_000}, True),
    ],
)
def test_a_session_is_anothers_where_the_answer_says_so(answer: dict[str, Any], is_other: bool) -> None:
    assert names_another_session(ok(**answer), session("7")) is is_other


def test_an_owner_that_is_not_known_is_nobody_else() -> None:
    assert not names_another_session(ok(client_id="theirs"), BackendSession("s1"))


def test_long_names_of_clients_are_told_apart() -> None:
    long = session("s1", "x" * 1_000 + "A")
    assert not names_another_session(ok(client_id="x" * 1_000 + "A"), long)
    assert names_another_session(ok(client_id="x" * 1_000 + "B"), long)
