from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.adapters.session_bodies import StoredContext
from stui_supervisor.adapters.session_export import EXPORT_MAX_BYTES, decode_export, encode_export
from stui_supervisor.context import Section
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.identity import identity_of
from stui_supervisor.record import SessionRecord

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
    here = replace(RECORD, client_id="c-1", backend_session="s-1", wanted=False, status={"pid": 1}, extra={"k": "v"})
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
