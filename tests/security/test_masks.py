from __future__ import annotations

import json
from binascii import crc32
from typing import Any

import pytest

from stui_supervisor.config import IMAGE_TEXT_MAX_BYTES, LOOKED_THROUGH_MAX_BYTES, QUOTING_MAX_BYTES, SECRETS_MASKED
from stui_supervisor.context.context import Section
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.security.masks import MaskedName, Masks, without
from stui_supervisor.security.secret import MASK, Secret
from stui_supervisor.wire.dialects import Dialect, IncompatibleVersion, Reply
from stui_supervisor.wire.strict_json import MalformedMessage

TOKEN = "canary-0123456789abcdef"  # noqa: S105  # of these tests
HEX = TOKEN.encode().hex().upper()


@pytest.fixture
def masks() -> Masks:
    masks = Masks()
    masks.add(Secret(TOKEN))
    return masks


def replied(**result: Any) -> tuple[Reply, bytes]:
    return Reply(Dialect.COMMAND, ok=True, result=result), json.dumps(result).encode()


def refused(error_type: str, message: str) -> tuple[Reply, bytes]:
    body = json.dumps([error_type, message]).encode()
    return Reply(Dialect.COMMAND, ok=False, result={}, error_type=error_type, message=message), body


def section(text: str, writer: str = "them", counter: int = 1) -> Section:
    return Section(json.dumps(text).encode(), counter, writer)


def test_an_error_and_its_type_come_without_the_token(masks: Masks) -> None:
    reply = masks.error(*refused(f"No{TOKEN}", f"<{HEX}>"))
    assert isinstance(reply, Reply)
    assert (reply.error_type, reply.message) == (f"No{MASK}", f"<{MASK}>")


def test_a_result_for_the_user_stays_as_it_came(masks: Masks) -> None:
    reply, body = replied(result=TOKEN)
    assert masks.error(reply, body) is reply


def test_an_answer_to_our_own_message_that_quotes_nothing_is_handed_on_as_it_is(masks: Masks) -> None:
    reply, body = replied(image_id="Pharo", session_state={"a": TOKEN})
    assert masks.reply(reply, body) is reply


@pytest.mark.parametrize("name", [TOKEN, f"image of {HEX}", f"grün {TOKEN} " + "ü" * 25, [TOKEN], {"a": [TOKEN]}])
def test_a_name_that_quotes_the_token_is_told_from_others_that_do_and_fits_the_record(masks: Masks, name: Any) -> None:
    first, same, other = (masks.reply(*replied(image_id=one, ours=1)) for one in (name, name, [name, 2]))
    assert isinstance(first, Reply)
    assert isinstance(same, Reply)
    assert isinstance(other, Reply)
    shown = first.result["image_id"]
    assert (type(shown), first.result["ours"]) == (MaskedName, 1)
    assert MASK in shown
    assert shown == same.result["image_id"] != other.result["image_id"]
    assert len(json.dumps(shown)) <= IMAGE_TEXT_MAX_BYTES


@pytest.mark.parametrize("key", [TOKEN, HEX])
def test_a_key_of_an_answer_that_quotes_the_token_does_not_stay_beside_the_masked_one(masks: Masks, key: str) -> None:
    reply = masks.reply(*replied(**{key: 1, "session_state": {TOKEN: 2}}))
    assert isinstance(reply, Reply)
    assert reply.result == {MASK: 1, "session_state": {TOKEN: 2}}


def test_numbers_keys_and_lists_of_bytes_are_no_way_round(masks: Masks) -> None:
    digits = "1234567890123456"
    masks.add(Secret(digits))
    assert masks.value({TOKEN: [int(digits), 1, None, True]}) == {MASK: [MASK, 1, None, True]}
    assert masks.value(list(TOKEN.encode())) == MASK
    assert masks.value({"a": list(TOKEN.encode()), "b": 1}) == MASK


def test_what_is_large_and_quotes_it_is_not_looked_through(masks: Masks) -> None:
    large = ["x"] * QUOTING_MAX_BYTES
    assert isinstance(masks.reply(*replied(a=[*large, TOKEN])), MalformedMessage)
    assert masks.value([*large, TOKEN]) == MASK
    assert masks.value(large) is large


def test_a_message_that_cannot_be_read_shows_no_part_of_the_token(masks: Masks) -> None:
    error = MalformedMessage("the key 'canary-01234…' is given twice")
    assert masks.error(error, b"{}") is error
    assert TOKEN[:6] not in str(masks.error(error, TOKEN.encode()))
    version = masks.error(IncompatibleVersion(TOKEN), TOKEN.encode())
    assert isinstance(version, IncompatibleVersion)
    assert (version.version, TOKEN[:6] in str(version)) == (MASK, False)


def test_what_is_too_large_to_be_looked_through_is_not_shown(masks: Masks) -> None:
    large = "x" * (LOOKED_THROUGH_MAX_BYTES + 1)
    assert masks.text(large) == "1,000,001 characters, too many to be looked through for the token"
    assert Masks().text(large) is large
    error = MalformedMessage("the key 'xxxxxxxxxxxx…' is given twice")
    assert "may quote the token" in str(masks.malformed(error, large.encode()))


def test_a_failure_keeps_its_kind(masks: Masks) -> None:
    assert masks.failure(Failure(FailureKind.RESET, f"it said {TOKEN}")) == Failure(
        FailureKind.RESET, f"it said {MASK}"
    )
    assert masks.failure(Failure(FailureKind.RESET)) == Failure(FailureKind.RESET)


def test_tokens_that_were_in_use_before_are_masked_still_but_not_for_ever(masks: Masks) -> None:
    for number in range(SECRETS_MASKED - 1):
        masks.add(Secret(f"another-token-{number:04}"))
    assert masks.text(TOKEN) == MASK
    masks.add(Secret(TOKEN))
    masks.add(Secret("one more of them"))
    assert masks.text(f"{TOKEN} another-token-0000") == f"{MASK} another-token-0000"
    masks.add(None)


def test_without_a_token_nothing_is_looked_through() -> None:
    masks, (reply, body) = Masks(), replied(a=TOKEN)
    assert masks.reply(reply, body) is reply
    assert masks.quoting({TOKEN: section(TOKEN)}, {}) == []


def test_a_section_quotes_it_by_name_value_or_writer(masks: Masks) -> None:
    theirs = {
        "value": section(f"<{HEX}>"),
        "writer": section("", writer=TOKEN),
        f"name {TOKEN}": section(""),
        "none": section(""),
        "gone": Section(None, 3, TOKEN),
    }
    assert masks.quoting(theirs, {}) == ["value", "writer", f"name {TOKEN}", "gone"]
    assert list(without(["value", "gone"], theirs)) == ["writer", f"name {TOKEN}", "none"]


def test_what_the_user_has_written_about_the_token_himself_is_no_quote(masks: Masks) -> None:
    mine = section(TOKEN, writer="me")
    later = Section(b'"mine"', 2, "me", known=(crc32(mine.value or b""),))
    assert masks.quoting({"a": mine}, {"a": mine}) == []
    assert masks.quoting({"a": mine}, {"a": later}) == []
    assert masks.quoting({"a": section(f"{TOKEN} more")}, {"a": later}) == ["a"]
