from __future__ import annotations

import pytest

from stui_supervisor.config import MESSAGE_MAX_DEPTH, NOTIFICATION_MAX_BYTES
from stui_supervisor.wire.notifications import decode
from stui_supervisor.wire.strict_json import MalformedMessage


def test_a_topic_and_a_body_are_a_notification() -> None:
    assert decode([b"errors", b'{"line": 3}']) == ("errors", {"line": 3})


def test_any_json_value_is_a_body_and_any_text_a_topic() -> None:
    assert decode([b"", b"null"]) == ("", None)
    assert decode(["größe".encode(), b"[1]"]) == ("größe", [1])


def test_the_largest_is_read() -> None:
    text = "x" * (NOTIFICATION_MAX_BYTES - len("errors") - 2)
    assert decode([b"errors", f'"{text}"'.encode()]) == ("errors", text)


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([], "0 frames, and a topic and a body are wanted"),
        ([b"errors"], "1 frames, and a topic and a body are wanted"),
        ([b"errors", b"", b"{}"], "3 frames, and a topic and a body are wanted"),
        ([b"\xff", b"{}"], "a topic that is not UTF-8"),
        ([b"errors", b"\xff"], "not UTF-8 at byte 0"),
        ([b"errors", b""], "not JSON at character 0"),
        ([b"errors", b"NaN"], "NaN is not JSON"),
        ([b"errors", b'{"a":1,"a":2}'], "the key 'a' is given twice"),
        ([b"errors", b"[" * (MESSAGE_MAX_DEPTH + 1)], "nested more than 64 levels deep"),
        ([b"errors", b" " * NOTIFICATION_MAX_BYTES], "64,006 bytes, and 64,000 are the limit"),
        ([b"x" * NOTIFICATION_MAX_BYTES, b"1"], "64,001 bytes, and 64,000 are the limit"),
    ],
)
def test_anything_else_is_malformed_and_says_why(frames: list[bytes], why: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode(frames)
    assert str(caught.value) == why
