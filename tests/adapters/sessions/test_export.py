from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.adapters.sessions.codec import StoredContext
from stui_supervisor.adapters.sessions.export import EXPORT_MAX_BYTES, decode_export, encode_export
from stui_supervisor.config import (
    CONTEXT_MAX_BYTES,
    CONTEXT_MAX_DEPTH,
    DELETIONS_MAX,
    FOREIGN_COUNTER_MAX,
    INTEGER_MAX_DIGITS,
    SECTION_NAME_MAX_LENGTH,
    SECTION_OVERHEAD_BYTES,
    SECTIONS_MAX,
    SHARED_COUNTER_MAX,
)
from stui_supervisor.context.context import Section
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.peer.backend_session import BackendSession
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.session.records import SessionRecord

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
STORED = StoredContext(
    {"a": Section('"ä"'.encode(), 3, "me"), "gone": Section(None, 4, "me")}, {"layout": [1]}, {"a": {"hue": 5}}
)
RECORD = SessionRecord(profile="default", endpoint="tcp://127.0.0.1:5555", dialect="command", image_id="Pharo")


def test_what_is_exported_is_imported_with_what_later_versions_added() -> None:
    assert decode_export(encode_export(RECORD, STORED, NOW)) == (replace(RECORD, endpoint_from_file=True), STORED)


def test_a_relative_path_stays_as_it_was_typed_elsewhere() -> None:
    record, _ = decode_export(encode_export(replace(RECORD, endpoint="ipc://stui.sock"), STORED, NOW))
    assert (record.endpoint, record.endpoint_from_file) == ("ipc://stui.sock", True)


def test_without_an_endpoint_none_came_with_the_file() -> None:
    record, _ = decode_export(encode_export(replace(RECORD, endpoint=None), STORED, NOW))
    assert (record.endpoint, record.endpoint_from_file) == (None, False)


@pytest.mark.parametrize("image", [7, ["a"], "x" * 300, "x" * 256, "Рабочий образ " * 8])
def test_an_image_of_any_name_is_the_same_on_another_machine(image: object) -> None:
    record = RECORD.of_image(identity_of(image))
    assert decode_export(encode_export(record, STORED, NOW)) == (replace(record, endpoint_from_file=True), STORED)


def test_what_belongs_to_this_machine_stays_here() -> None:
    here = replace(
        RECORD, client_id="c-1", session=BackendSession("s-1"), wanted=False, status={"pid": 1}, extra={"k": "v"}
    )
    assert encode_export(here, STORED, NOW) == encode_export(RECORD, STORED, NOW)


@given(st.data())
def test_a_file_with_a_changed_byte_is_read_whole_or_refused(data: st.DataObject) -> None:
    content = bytearray(encode_export(RECORD, STORED, NOW))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        record, stored = decode_export(bytes(content))
    except ConfigurationError as error:
        assert error.hint  # noqa: PT017  # either outcome is right
    else:
        assert encode_export(record, stored, NOW)


@pytest.mark.parametrize(
    "content",
    [
        b'{"magic":' * 40 + b"1" + b"}" * 40,
        b'{"magic":"stui-supervisor session","major":1,"context":' + b"[" * 500 + b"]" * 500 + b"}",
        b"{" + b" " * EXPORT_MAX_BYTES + b"}",
        b'{"magic":"stui-supervisor session","major":true}',
        b"[]",
    ],
)
def test_what_is_too_deep_too_large_or_of_another_kind_is_refused(content: bytes) -> None:
    with pytest.raises(ConfigurationError):
        decode_export(content)


def number(digits: int) -> bytes:
    return b"1" * digits


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def of(sections: dict[str, Section], **more: Any) -> bytes:
    return encode_export(RECORD, StoredContext(sections, **more), NOW)


def many(count: int, value: bytes | None = b"1") -> dict[str, Section]:
    return {f"s{number}": Section(value, 1, "me") for number in range(count)}


FULL = Section(b'"%s"' % (b"x" * (CONTEXT_MAX_BYTES - SECTION_OVERHEAD_BYTES - 3)), 1, "me")


@pytest.mark.parametrize(
    "content",
    [
        of(many(SECTIONS_MAX)),
        of(many(DELETIONS_MAX, None)),
        of({"a": FULL}),
        of({"a": Section(number(INTEGER_MAX_DIGITS), FOREIGN_COUNTER_MAX, "me")}),
        of({"a": Section(nested(CONTEXT_MAX_DEPTH), 1, "me")}),
        of({"a" * SECTION_NAME_MAX_LENGTH: Section(b"1", 1, "me")}),
    ],
)
def test_as_much_as_a_context_may_have_is_imported(content: bytes) -> None:
    assert decode_export(content)[1].sections


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (of(many(SECTIONS_MAX + 1)), "10,001 sections, and 10,000 are allowed"),
        (of(many(3 * SECTIONS_MAX)), "30,000 sections"),
        (of(many(DELETIONS_MAX + 1, None)), "deleted sections"),
        (of({"ab": FULL}), "1,000,001 bytes of work, and 1,000,000 are allowed"),
        (of({f"s{part}": Section(b'"%s"' % (b"x" * 600_000), 1, "me") for part in range(4)}), "bytes of work"),
        (of({"a": Section(number(INTEGER_MAX_DIGITS + 1), 1, "me")}), "digits"),
        (of({"a": Section(nested(CONTEXT_MAX_DEPTH + 1), 1, "me")}), "nested"),
        (of({"a": Section(b"[" + nested(CONTEXT_MAX_DEPTH) + b"]", 1, "me")}), "nested"),
        (of({"stui_supervisor:mine": Section(b"1", 1, "me")}), "cannot name a section"),
        (of({"stui_supervisor:forgotten": Section(None, SHARED_COUNTER_MAX + 1, "")}), "more often than can be"),
        (of({"a": Section(b"1", FOREIGN_COUNTER_MAX + 1, "me")}), "more often than can be"),
        (of({}, extra={"later": "x" * CONTEXT_MAX_BYTES}), "bytes that this version does not know"),
        (of({"a": Section(b"1", 1, "me")}, section_extra={"a": {"b": "x" * CONTEXT_MAX_BYTES}}), "does not know"),
    ],
)
def test_what_is_more_than_a_context_may_have_is_refused_in_words(content: bytes, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as refused:
        decode_export(content)
    assert refused.value.hint
