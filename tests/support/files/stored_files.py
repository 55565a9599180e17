"""Stored files as another version, or a bad disk, would leave them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.context.context import Section
from stui_supervisor.session.records import SessionRecord

RECORD = SessionRecord(profile="default", endpoint="tcp://127.0.0.1:5555", status={"state": "connected"})
OLD = {"x": Section(b'"old"', 1, "me")}
NEW = {"x": Section(b'"new"', 2, "me")}
NOTHING = {"x": Section(None, 3, "me")}
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

posix = pytest.mark.skipif(os.name == "nt", reason="only on POSIX: modes, links and limits")


def with_header(content: bytes, **changes: Any) -> bytes:
    """The same file with other header fields and a digest that is right for them."""
    line, _, body = content.partition(b"\n")
    fields = {**json.loads(line), **changes}
    return sealed(fields, body)


def with_body(content: bytes, body: bytes) -> bytes:
    """The same header fields around another body, with digest and length to match."""
    fields = json.loads(content.partition(b"\n")[0])
    return sealed({**fields, "length": len(body)}, body)


def sealed(fields: dict[str, Any], body: bytes) -> bytes:
    """A file put together as the format is documented, without the code under test."""
    fields.pop("sha256", None)
    start = json.dumps(fields, separators=(",", ":")).encode()[:-1]
    digest = hashlib.sha256(start + body).hexdigest().encode()
    return start + b',"sha256":"' + digest + b'"}\n' + body


def newest(directory: Path, kind: str) -> Path:
    """The generation with the highest seq."""
    return max(directory.glob(f"{kind}.*.json"), key=lambda path: int(path.name.split(".")[1]))


class Ticking:
    """A wall clock that is a second later at each look."""

    def __init__(self) -> None:
        self.now = EPOCH

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def stored(root: Path, *contexts: dict[str, Section], record: SessionRecord = RECORD) -> Path:
    """A free session that holds these generations; its directory."""
    files = FileSessionStore(root)
    session_id = files.claim("nobody's").session_id
    files.save_record(session_id, record)
    for sections in contexts:
        files.save_context(session_id, sections)
    files.release(session_id)
    return root / session_id


def codes_of(notices: tuple[object, ...]) -> list[str]:
    return [getattr(notice, "code", "") for notice in notices]


def failing(call: Callable[..., Any], name: str, number: int) -> Callable[..., Any]:
    """The same call of ``os``, with this error for what has this name."""

    def refuse(path: Any, *args: Any, **options: Any) -> Any:
        if Path(path).name == name:
            raise OSError(number, os.strerror(number), path)
        return call(path, *args, **options)

    return refuse


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}
