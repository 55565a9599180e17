"""Whatever a backend sends: a reply, or a MalformedMessage in a few words, and memory within bounds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stui_supervisor.config import REPLY_MAX_VALUES, VALUES_COUNTED_FROM_BYTES
from stui_supervisor.wire import notifications
from stui_supervisor.wire.dialects import decode
from stui_supervisor.wire.service import Request
from stui_supervisor.wire.strict_json import MalformedMessage, parse
from tests.support.core import hungry_replies
from tests.support.core.hostile_replies import (
    ANSWERS,
    CHANGES,
    REQUESTS,
    Change,
    Cut,
    Rename,
    Repeat,
    Replace,
    Splice,
    changed,
    real_reply,
)

MEMORY_MAX_BYTES = 100_000_000


def is_said_briefly(error: MalformedMessage) -> None:
    assert str(error).isprintable()
    assert len(str(error)) < 160  # a dozen characters, which may take ten each in ASCII


def read(body: bytes) -> object:
    """The result of the reply, or None where it is refused as it should be."""
    try:
        reply = decode(body)
    except MalformedMessage as error:
        is_said_briefly(error)
        return None
    json.dumps(reply.result, ensure_ascii=False, allow_nan=False).encode()
    assert isinstance(reply.error_type, str | None)
    assert isinstance(reply.message, str | None)
    return reply.result


@pytest.mark.parametrize("examples", [1_500, pytest.param(40_000, marks=pytest.mark.soak)])
def test_a_changed_reply_is_one_or_is_refused(examples: int) -> None:
    @settings(max_examples=examples)
    @given(st.sampled_from(REQUESTS), ANSWERS, CHANGES)
    def check(request: Request, error_type: str | None, changes: Sequence[Change]) -> None:
        read(changed(real_reply(request, error_type), changes))

    check()


@pytest.mark.parametrize("examples", [200, pytest.param(3_000, marks=pytest.mark.soak)])
def test_a_changed_notification_is_one_or_is_refused(examples: int) -> None:
    @settings(max_examples=examples)
    @given(st.binary(max_size=20), CHANGES, st.lists(st.binary(max_size=3), max_size=2))
    def check(topic: bytes, changes: Sequence[Change], more: list[bytes]) -> None:
        try:
            topic_text, body = notifications.decode([topic, changed(real_reply(REQUESTS[0]), changes), *more])
        except MalformedMessage:
            return
        json.dumps([topic_text, body], ensure_ascii=False, allow_nan=False).encode()

    check()


@pytest.mark.parametrize(
    ("changes", "is_read"),
    [
        ([], True),
        ([Replace(0, b"null")], False),
        ([Replace(3, b"NaN")], False),
        ([Replace(3, b"[]")], True),
        ([Replace(3, b'"\\ud800"')], False),
        ([Repeat(0, b'"other"')], False),
        ([Rename(1, None)], False),
        ([Rename(1, "payload")], False),
        ([Cut(0.5)], False),
        ([Splice(0.2, 1, b"\xff")], False),
    ],
)
def test_each_kind_of_change_reaches_the_reply(changes: Sequence[Change], is_read: bool) -> None:
    body = changed(real_reply(REQUESTS[0]), changes)
    assert (body != real_reply(REQUESTS[0])) is bool(changes)
    assert (read(body) is not None) is is_read


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: the kernel counts what a process had at most")
@pytest.mark.parametrize("name", hungry_replies.REPLIES)
def test_the_hungriest_reply_takes_less_than_100_mb(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.core.hungry_replies", name], capture_output=True, text=True, check=True
    )
    taken_bytes, outcome = json.loads(done.stdout)
    assert outcome in ("read", "refused")
    assert taken_bytes < MEMORY_MAX_BYTES


def test_a_large_reply_holds_no_more_values_than_allowed() -> None:
    text = b'"' + b"," * VALUES_COUNTED_FROM_BYTES + b'"'  # commas in a text are no values

    def large(values: int) -> bytes:
        return b"[" + text + b",0" * (values - 1) + b"]"

    assert len(parse(large(REPLY_MAX_VALUES), max_values=REPLY_MAX_VALUES)) == REPLY_MAX_VALUES
    with pytest.raises(MalformedMessage, match=r"^more than 100,000 values in a large message$"):
        parse(large(REPLY_MAX_VALUES + 1), max_values=REPLY_MAX_VALUES)


def test_a_context_of_many_small_values_comes_back() -> None:
    values = [1] * 400_000
    assert decode(b'{"status":"success","result":%s}' % json.dumps(values).encode()).result == {"result": values}
