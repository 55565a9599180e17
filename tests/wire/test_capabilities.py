from __future__ import annotations

from typing import Any

import pytest

from stui_supervisor.config import MESSAGE_MAX_BYTES
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.wire.capabilities import capabilities_in, with_parameters
from stui_supervisor.wire.dialects import Dialect, Operation, encode
from stui_supervisor.wire.service import decode_request
from tests.support.core.world import BEGIN


@pytest.mark.parametrize(
    ("advertised", "found"),
    [
        (["deadline", "idempotency", "later"], {"deadline", "idempotency", "later"}),
        ([], set()),
        (["deadline", 7, None, ["x"]], {"deadline"}),
        (None, set()),
        ("deadline", set()),
        ({"deadline": True}, set()),
    ],
)
def test_only_a_list_advertises_and_only_texts_in_it(advertised: Any, found: set[str]) -> None:
    assert capabilities_in({"capabilities": advertised}) == found


def test_a_ping_without_the_word_advertises_nothing() -> None:
    assert capabilities_in({"server": "old"}) == frozenset()


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    "parameters", [{}, {"code": "3 + 4"}, {"code": "{"}, {"code": "}}}}"}, {"a": {}}, {"a": [1, {"b": "{"}]}]
)
def test_members_are_added_to_whatever_is_there(dialect: Dialect, parameters: dict[str, Any]) -> None:
    body = encode(dialect, Operation("evaluate", parameters), message_id="m1", at=BEGIN.utc)
    request = decode_request(with_parameters(body, dialect, b'"deadline":"soon","idempotency_key":"m1"'))
    assert (request.id, request.command) == ("m1", "evaluate")
    assert request.parameters == {**parameters, "deadline": "soon", "idempotency_key": "m1"}


def test_what_gets_too_large_is_refused() -> None:
    operation = Operation("evaluate", {"code": "x" * (MESSAGE_MAX_BYTES - 70)})
    body = encode(Dialect.COMMAND, operation, message_id="m1", at=BEGIN.utc)
    with pytest.raises(ConfigurationError, match="send it in parts"):
        with_parameters(body, Dialect.COMMAND, b'"deadline":"soon"')
