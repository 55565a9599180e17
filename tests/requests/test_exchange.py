from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.config import VALUES_COUNTED_FROM_BYTES, Settings
from stui_supervisor.context.context import Context
from stui_supervisor.context.image_copy import encode_state_data, read_copy
from stui_supervisor.core.effects import Announce, Effect, Finish, Send
from stui_supervisor.errors import BackendError, NotSent, OutcomeUnknown
from stui_supervisor.events import RequestFinished
from stui_supervisor.machine.states import Outcome
from stui_supervisor.requests.exchange import Exchange, PairedReply
from stui_supervisor.requests.request import Purpose, Request
from stui_supervisor.security.secret import Secret
from stui_supervisor.wire.dialects import Dialect, Operation, Reply
from stui_supervisor.wire.service import Request as Received
from stui_supervisor.wire.service import decode_request, encode_error, encode_result
from stui_supervisor.wire.strict_json import MalformedMessage
from tests.support.core.world import BEGIN, endings, only, request, told

LINK = 3
COMMAND, ENVELOPE = Dialect.COMMAND, Dialect.ENVELOPE
BOTH = pytest.mark.parametrize("dialect", Dialect)
LATER = BEGIN.after(0.5)


def exchange(*requests: Request) -> Exchange:
    """A link is up, and these wait for it."""
    one = Exchange(Settings())
    one.link_up()
    for each in requests:
        assert one.submit(each, BEGIN) == []
    return one


def sent(effects: Sequence[Effect]) -> tuple[Send, Received]:
    """The one message that went out, and how the backend reads it."""
    (send,) = effects
    assert isinstance(send, Send)
    return send, decode_request(send.body)


def finished(outcome: Outcome, command: str = "evaluate", *, number: int = 1) -> RequestFinished:
    return RequestFinished(at=LATER.utc, command=command, outcome=outcome, duration_ms=500.0, request_id=f"me-{number}")


def error_of(effects: Sequence[Effect]) -> Exception | None:
    (finish,) = only(Finish, effects)
    return finish.error


# How large a reply may be


@pytest.mark.parametrize("purpose", [Purpose.HANDSHAKE, Purpose.PUSH, Purpose.COPY])
def test_whatever_a_context_takes_is_read_again_however_widely_the_image_writes_it(purpose: Purpose) -> None:
    context = Context("me", lambda: None)
    context["lists"] = [[]] * 300_000
    state = json.loads(encode_state_data(context.sections()))
    one = exchange()
    send = one.ask(LINK, purpose, COMMAND, Operation("restore_session", {"session_id": "s"}), BEGIN)
    body = json.dumps({"status": "success", "result": {"session_state": state}}, indent=1).encode()
    landed, _ = one.received(send.token, body, LATER)
    assert len(body) > VALUES_COUNTED_FROM_BYTES
    assert landed is not None
    assert isinstance(landed.reply, Reply)
    assert read_copy(landed.reply.result["session_state"], {}).sections == context.sections()


@pytest.mark.parametrize("purpose", [Purpose.PING, Purpose.SESSION])
def test_a_large_reply_of_many_values_to_anything_else_is_not_read(purpose: Purpose) -> None:
    one = exchange()
    send = one.ask(LINK, purpose, COMMAND, Operation("ping", {}), BEGIN)
    body = json.dumps({"status": "success", "result": {"lists": [[]] * 300_000}}, indent=1).encode()
    landed, _ = one.received(send.token, body, LATER)
    assert landed is not None
    assert isinstance(landed.reply, MalformedMessage)


# Requests


@BOTH
def test_a_request_goes_out_in_the_dialect_of_the_link_under_its_own_id(dialect: Dialect) -> None:
    one = exchange(request(1, parameters={"code": "3 + 4"}))
    send, received = sent(one.send_next(LINK, dialect, BEGIN))
    assert (send.link, received) == (LINK, Received(dialect, "me-1", "evaluate", {"code": "3 + 4"}))


@BOTH
def test_what_the_caller_does_to_the_parameters_afterwards_changes_nothing(dialect: Dialect) -> None:
    inner = {"deep": [1]}
    parameters: dict[str, object] = {"code": "3 + 4", "context": inner}
    one = exchange(request(1, parameters=parameters))
    parameters["code"] = "Smalltalk snapshot: true andQuit: true"
    parameters["more"] = object()
    inner["deep"].append(2)
    _, received = sent(one.send_next(LINK, dialect, LATER))
    assert received == Received(dialect, "me-1", "evaluate", {"code": "3 + 4", "context": {"deep": [1]}})


def test_a_request_that_cannot_be_said_in_the_dialect_of_the_link_ends_and_the_next_one_goes() -> None:
    odd = request(1, "inspect", {"objectId": 1, "target": 2})
    one = exchange(odd, request(2))
    effects = one.send_next(LINK, ENVELOPE, LATER)
    (finish,) = only(Finish, effects)
    assert (finish.request, type(finish.error)) == (1, NotSent)
    assert told(RequestFinished, effects) == [finished(Outcome.NOT_SENT, "inspect")]
    _, received = sent(list(only(Send, effects)))
    assert received.id == "me-2"


def test_nothing_goes_out_while_something_is_in_flight() -> None:
    one = exchange(request(1), request(2))
    one.send_next(LINK, COMMAND, BEGIN)
    assert one.send_next(LINK, COMMAND, BEGIN) == []


@given(st.integers(2, 40))
def test_no_two_messages_have_one_token(count: int) -> None:
    one = exchange(*[request(number) for number in range(count)])
    tokens = set()
    for _ in range(count):
        send, received = sent(one.send_next(LINK, COMMAND, BEGIN))
        tokens.add(send.token)
        one.received(send.token, encode_result(received, {}, at=BEGIN.utc), BEGIN)
    assert len(tokens) == count


# Replies


@BOTH
def test_a_reply_ends_its_request(dialect: Dialect) -> None:
    one = exchange(request(1))
    send, received = sent(one.send_next(LINK, dialect, BEGIN))
    landed, effects = one.received(send.token, encode_result(received, {"result": 7}, at=LATER.utc), LATER)
    reply = Reply(dialect, ok=True, result={"result": 7}, at=LATER.utc)
    assert landed == PairedReply(Purpose.REQUEST, reply, 0.5)
    assert effects == [Finish(1, reply, None), Announce(finished(Outcome.REPLIED))]


@pytest.mark.parametrize("message_id", ["me-1", "another", None, 17])
def test_a_server_may_answer_with_an_id_of_its_own(message_id: object) -> None:
    one = exchange(request(1))
    send, _ = sent(one.send_next(LINK, COMMAND, BEGIN))
    body = json.dumps({"id": message_id, "status": "success", "result": {"result": 7}}).encode()
    assert endings(one.received(send.token, body, LATER)[1]) == [(1, "replied")]


@BOTH
def test_an_error_of_the_backend_ends_its_request_with_its_words(dialect: Dialect) -> None:
    one = exchange(request(1))
    send, received = sent(one.send_next(LINK, dialect, BEGIN))
    body = encode_error(received, "EvaluationError", "nil does not understand foo", at=LATER.utc)
    landed, effects = one.received(send.token, body, LATER)
    error = error_of(effects)
    assert landed is not None
    assert isinstance(error, BackendError)
    assert (error.error_type, error.message) == ("EvaluationError", "nil does not understand foo")
    assert told(RequestFinished, effects) == [finished(Outcome.BACKEND_ERROR)]


def test_an_error_inside_a_result_is_a_reply() -> None:
    one = exchange(request(1))
    send, received = sent(one.send_next(LINK, ENVELOPE, BEGIN))
    body = encode_result(received, {"result": "", "has_error": True}, at=LATER.utc)
    _, effects = one.received(send.token, body, LATER)
    assert only(Finish, effects)[0].reply == Reply(
        ENVELOPE, ok=True, result={"result": "", "has_error": True}, at=LATER.utc
    )


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b'{"status":"maybe"}', b"[" * 100, b'{"a":NaN}'])
def test_a_reply_that_cannot_be_read_leaves_the_outcome_unknown(body: bytes) -> None:
    one = exchange(request(1))
    send, _ = sent(one.send_next(LINK, COMMAND, BEGIN))
    landed, effects = one.received(send.token, body, LATER)
    assert landed is not None
    assert isinstance(landed.reply, MalformedMessage)
    assert isinstance(error_of(effects), OutcomeUnknown)
    assert told(RequestFinished, effects) == [finished(Outcome.OUTCOME_UNKNOWN)]
    assert one.flight is None


@given(st.binary(max_size=200))
def test_no_bytes_whatever_leave_a_request_waiting(body: bytes) -> None:
    one = exchange(request(1))
    send, _ = sent(one.send_next(LINK, COMMAND, BEGIN))
    _, effects = one.received(send.token, body, LATER)
    assert len(only(Finish, effects)) == 1
    assert one.waiting == 0


@BOTH
@pytest.mark.parametrize("command", ["ping", "create_session", "restore_session"])
def test_the_token_goes_with_each_message_that_needs_it(command: str, dialect: Dialect) -> None:
    one = exchange(request(1, command))
    one.link_up(secret=Secret("a token of some length"))
    send, received = sent(one.send_next(LINK, dialect, BEGIN))
    assert received.parameters == {"auth_token": "a token of some length"}
    body = encode_error(received, "No a token of some length", "not with a token of some length", at=LATER.utc)
    error = error_of(one.received(send.token, body, LATER)[1])
    assert (type(error), str(error)) == (BackendError, "No ********: not with ********")


def test_the_token_goes_with_nothing_else_and_in_place_of_none_that_was_given() -> None:
    one = exchange(request(1, "evaluate", {"code": "1"}), request(2, "ping", {"auth_token": "mine"}))
    one.link_up(secret=Secret("a token of some length"))
    send, received = sent(one.send_next(LINK, COMMAND, BEGIN))
    assert received.parameters == {"code": "1"}
    one.received(send.token, encode_result(received, {}, at=LATER.utc), LATER)
    assert sent(one.send_next(LINK, COMMAND, BEGIN))[1].parameters == {"auth_token": "mine"}


def test_however_many_tokens_a_program_gives_with_its_requests_the_link_s_own_is_masked() -> None:
    one = exchange(*(request(n, "ping", {"auth_token": f"token number {n:03} of a program"}) for n in range(40)))
    one.link_up(secret=Secret("a token of some length"))
    for _ in range(40):
        send, received = sent(one.send_next(LINK, COMMAND, BEGIN))
        one.received(send.token, encode_result(received, {}, at=LATER.utc), LATER)
    send = one.ask(LINK, Purpose.PUSH, COMMAND, Operation("update_session_state", {}), BEGIN)
    words = "what is a token of some length?"
    landed, _ = one.received(send.token, encode_error(decode_request(send.body), "Error", words, at=LATER.utc), LATER)
    assert landed is not None
    assert isinstance(landed.reply, Reply)
    assert landed.reply.message == "what is ********?"


def test_a_request_that_goes_out_again_carries_the_token_of_the_link_that_it_goes_out_on() -> None:
    one, given = exchange(request(1, "ping")), []
    for secret in (Secret("that of one link"), Secret("that of another"), None):
        one.link_up(secret=secret)
        send, received = sent(one.send_next(LINK, COMMAND, BEGIN))
        given.append(received.parameters)
        one.not_taken(send.token)
    assert given == [{"auth_token": "that of one link"}, {"auth_token": "that of another"}, {}]


def test_a_late_reply_is_dropped_unread_and_never_taken_for_the_nexts() -> None:
    one = exchange(request(1), request(2))
    first, _ = sent(one.send_next(LINK, COMMAND, BEGIN))
    one.link_down(BEGIN, reason="reset", keep_waiting=True)
    one.link_up()
    second, received = sent(one.send_next(LINK + 1, COMMAND, BEGIN))
    assert one.received(first.token, b"not even JSON", LATER) == (None, [])
    body = encode_result(received, {"result": 2}, at=LATER.utc)
    assert endings(one.received(second.token, body, LATER)[1]) == [(2, "replied")]


def test_a_reply_to_a_request_that_was_given_up_lands_and_ends_nothing() -> None:
    one = exchange(request(1))
    send, received = sent(one.send_next(LINK, COMMAND, BEGIN))
    assert endings(one.cancel(1, BEGIN)) == [(1, "OutcomeUnknown")]
    landed, effects = one.received(send.token, encode_result(received, {}, at=LATER.utc), LATER)
    assert landed == PairedReply(Purpose.REQUEST, Reply(COMMAND, ok=True, result={}, at=LATER.utc), 0.5)
    assert effects == []


# Messages of our own


@BOTH
@pytest.mark.parametrize("purpose", [Purpose.HANDSHAKE, Purpose.PING])
def test_a_message_of_our_own_tells_whose_it_was_and_ends_no_request(dialect: Dialect, purpose: Purpose) -> None:
    one = exchange(request(1))
    send, received = sent([one.ask(LINK, purpose, dialect, Operation("ping", {}), BEGIN)])
    assert (received.dialect, received.command, received.parameters) == (dialect, "ping", {})
    landed, effects = one.received(send.token, encode_result(received, {"a": 1}, at=LATER.utc), LATER)
    assert (landed, effects) == (PairedReply(purpose, Reply(dialect, ok=True, result={"a": 1}, at=LATER.utc), 0.5), [])


@BOTH
def test_the_token_travels_beside_the_other_parameters(dialect: Dialect) -> None:
    operation = Operation("create_session", {"client_id": "c"})
    secret = Secret("a token of some length")
    _, received = sent([exchange().ask(LINK, Purpose.HANDSHAKE, dialect, operation, BEGIN, secret)])
    assert received.parameters == {"client_id": "c", "auth_token": "a token of some length"}
    assert operation.parameters == {"client_id": "c"}


# Ends without a reply


def test_a_request_that_cannot_even_wait_ends_with_the_reason() -> None:
    effects = Exchange(Settings()).refuse(request(1), "there is no link", LATER)
    error = error_of(effects)
    assert isinstance(error, NotSent)
    assert str(error) == "there is no link: repeating it is safe"
    assert told(RequestFinished, effects) == [finished(Outcome.NOT_SENT)]


def test_a_full_queue_ends_a_request_at_once() -> None:
    one = Exchange(Settings(queue_length=1))
    assert one.submit(request(1), BEGIN) == []
    effects = one.submit(request(2), LATER)
    assert endings(effects) == [(2, "NotSent")]
    assert one.waiting == 1


def test_what_expires_ends_with_its_duration() -> None:
    one = exchange(request(1, timeout=0.5), request(2, timeout=0.5))
    one.send_next(LINK, COMMAND, BEGIN)
    assert one.next_deadline() == LATER.monotonic_s
    effects = one.expire(LATER)
    assert endings(effects) == [(2, "NotSent"), (1, "OutcomeUnknown")]
    assert told(RequestFinished, effects) == [finished(Outcome.NOT_SENT, number=2), finished(Outcome.OUTCOME_UNKNOWN)]


def test_a_lost_link_ends_what_was_sent_and_keeps_the_rest() -> None:
    one = exchange(request(1), request(2))
    one.send_next(LINK, COMMAND, BEGIN)
    effects = one.link_down(LATER, reason="reset", keep_waiting=True)
    assert endings(effects) == [(1, "OutcomeUnknown")]
    assert (one.waiting, one.flight) == (1, None)


def test_a_message_that_was_not_taken_goes_out_again_under_another_token() -> None:
    one = exchange(request(1))
    first, _ = sent(one.send_next(LINK, COMMAND, BEGIN))
    one.not_taken(first.token)
    second, received = sent(one.send_next(LINK + 1, COMMAND, LATER))
    assert (received.id, second.token != first.token) == ("me-1", True)


def test_a_request_that_goes_out_again_says_the_same_in_the_dialect_of_its_link() -> None:
    one = exchange(request(1))
    first, asked = sent(one.send_next(LINK, ENVELOPE, BEGIN))
    one.not_taken(first.token)
    _, again = sent(one.send_next(LINK + 1, COMMAND, LATER))
    assert again == replace(asked, dialect=COMMAND)


def test_cancelling_what_is_over_is_nothing() -> None:
    assert exchange().cancel(1, BEGIN) == []
