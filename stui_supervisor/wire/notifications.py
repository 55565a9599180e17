"""What an image publishes: a topic and a JSON body, in two frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from stui_supervisor.config import NOTIFICATION_MAX_BYTES
from stui_supervisor.wire.strict_json import MalformedMessage, parse

_FRAMES: Final = 2


def decode(frames: Sequence[bytes]) -> tuple[str, Any]:
    """The topic and the body, a JSON value. Raises MalformedMessage, and nothing else, where there are none."""
    if len(frames) != _FRAMES:
        raise MalformedMessage(f"{len(frames)} frames, and a topic and a body are wanted")
    topic, body = frames
    if len(topic) + len(body) > NOTIFICATION_MAX_BYTES:
        raise MalformedMessage(f"{len(topic) + len(body):,} bytes, and {NOTIFICATION_MAX_BYTES:,} are the limit")
    try:
        return topic.decode(), parse(body)
    except UnicodeDecodeError as error:
        raise MalformedMessage("a topic that is not UTF-8") from error
