from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.adapters.files.file_format import DamagedFile
from stui_supervisor.adapters.sessions.codec import (
    StoredContext,
    decode_context,
    decode_stored_record,
    encode_context,
    encode_record,
)
from stui_supervisor.config import (
    CONTEXT_FILE_MAX_BYTES,
    CONTEXT_MAX_BYTES,
    HEADER_MAX_BYTES,
    INTEGER_MAX_DIGITS,
    KNOWN_COPIES,
    RECORD_MAX_BYTES,
    SECTIONS_MAX,
    SESSION_ID_STORED_MAX_BYTES,
)
from stui_supervisor.context.context import METADATA_KEY, Section, encode_value
from stui_supervisor.context.image_copy import encode_state_data
from stui_supervisor.peer.backend_session import BackendSession, SessionId
from stui_supervisor.peer.identity import Identity, identity_of
from stui_supervisor.peer.process import Process
from stui_supervisor.session.records import SessionRecord
from tests.support.core.sections import make
from tests.support.programs.host_limits import digits_limited_to

TEXT = st.text(st.characters(codec="utf-8"), max_size=10)
ANY_TEXT = st.text(max_size=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
NAMES = TEXT.filter(lambda name: name not in {"", METADATA_KEY})
SECTIONS = st.dictionaries(
    NAMES, st.builds(Section, st.none() | JSON.map(encode_value), st.integers(0, 2**53 - 1), TEXT), max_size=5
)
LATER = st.dictionaries(st.sampled_from(["later", "\ud800", "ü"]), JSON | ANY_TEXT, min_size=1, max_size=2)
CANONICAL = TEXT.map(lambda text: Identity(text, text))
SESSIONS = st.builds(
    BackendSession,
    ANY_TEXT | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    owner=st.none() | CANONICAL,
    process=st.builds(
        Process,
        boot=st.none() | CANONICAL,
        server=st.none() | CANONICAL,
        uptime_s=st.none() | st.integers(0) | st.floats(0, allow_infinity=False),
    ),
    seen_at=st.none() | st.datetimes(timezones=st.just(UTC)),
)
RECORDS = st.builds(
    SessionRecord,
    profile=TEXT,
    endpoint=st.none() | ANY_TEXT,
    wanted=st.booleans(),
    dialect=st.none() | TEXT,
    image_id=st.none() | ANY_TEXT,
    session=st.none() | SESSIONS,
    client_id=st.none() | ANY_TEXT,
    status=st.dictionaries(TEXT, JSON, max_size=3),
    extra=LATER | st.just({}),
)


@given(RECORDS)
def test_any_record_comes_back_as_it_was(record: SessionRecord) -> None:
    assert decode_stored_record(encode_record(record)).record == record


IMAGES = [
    "Pharo 12.0",
    7,
    True,
    [1, {"a": 2}],
    "Рабочий образ Смолток",
    "x" * 256,
    "x" * 300,
    ["x" * 300],
    "\1" * 200,
    "\1" * 40,
]


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_of_any_name_is_the_same_when_it_comes_back(image: object) -> None:
    record = SessionRecord(profile="p").of_image(identity_of(image))
    back = decode_stored_record(encode_record(record)).record
    assert back.image == identity_of(image)
    assert decode_stored_record(encode_record(back)).record == back


def test_a_name_that_would_fill_the_page_with_escapes_is_kept_as_its_digest() -> None:
    image = identity_of("\1" * 200)
    assert image is not None
    record = SessionRecord(profile="p", status={"image_id": image.text}).of_image(image)
    back = decode_stored_record(encode_record(record)).record
    assert (back.image_id, back.status) == (image.in_short.text, {"image_id": image.in_short.text})


@pytest.mark.parametrize("session", ["s1", 7, 0, 1.5, 2**63])
def test_a_backend_session_keeps_the_kind_of_its_id(session: SessionId) -> None:
    record = SessionRecord(profile="p", session=BackendSession(session, identity_of("c")))
    assert decode_stored_record(encode_record(record)).record == record
    assert type(decode_stored_record(encode_record(record)).record.backend_session) is type(session)


def test_a_backend_session_with_a_long_id_is_not_kept() -> None:
    longest = SessionRecord(profile="p", session=BackendSession("s" * (SESSION_ID_STORED_MAX_BYTES - 2)))
    assert decode_stored_record(encode_record(longest)).record == longest
    without = replace(longest, session=None)
    for too_long in (
        "s" * SESSION_ID_STORED_MAX_BYTES,
        10**SESSION_ID_STORED_MAX_BYTES,
    ):  # digits that not all may read
        longer = replace(longest, session=BackendSession(too_long))
        assert decode_stored_record(encode_record(longer)).record == without


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("session", ["s1", 7, "s" * 5_000])
def test_what_names_image_and_session_leaves_room_for_the_rest_of_the_page(image: object, session: SessionId) -> None:
    owner = identity_of('"' * 126)
    process = Process(identity_of("b" * 999), identity_of("s" * 999), 123_456_789.123_456_7).in_short
    held = BackendSession(session, owner, process)
    record = SessionRecord(profile="p" * 64, endpoint="tcp://" + "h" * 253 + ":65535", client_id="c" * 36)
    body = encode_record(replace(record, session=held).of_image(identity_of(image)))
    assert len(body) < RECORD_MAX_BYTES - HEADER_MAX_BYTES // 4


@pytest.mark.parametrize("image", IMAGES)
def test_an_earlier_version_finds_a_text_where_it_looks_for_one(image: object) -> None:
    record = SessionRecord(profile="p", session=BackendSession(7)).of_image(identity_of(image))
    values = json.loads(encode_record(record))
    assert isinstance(values["image_id"], str)
    assert values["backend_session"] is None


OF_EARLIER_VERSION = (
    b'{"profile": "default", "endpoint": "tcp://127.0.0.1:5555", "wanted": true, "dialect": "command", '
    b'"image_id": "\\u041f\\u0445", "backend_session": "session_1", "client_id": "c-1", '
    b'"status": {"state": "connected"}}\n'
)


def test_a_record_of_an_earlier_version_means_the_text_and_does_not_say_whose_the_session_is() -> None:
    record = decode_stored_record(OF_EARLIER_VERSION).record
    assert (record.image, record.session) == (identity_of("Пх"), BackendSession("session_1"))
    assert record == SessionRecord(
        profile="default",
        endpoint="tcp://127.0.0.1:5555",
        dialect="command",
        image_id="Пх",
        session=BackendSession("session_1"),
        client_id="c-1",
        status={"state": "connected"},
    )


def test_a_record_that_says_nothing_new_has_the_keys_of_an_earlier_version() -> None:
    keys = set(json.loads(encode_record(decode_stored_record(OF_EARLIER_VERSION).record)))
    assert keys == {*json.loads(OF_EARLIER_VERSION), "endpoint_from_file"}


@pytest.mark.parametrize(
    ("change", "is_from_file"),
    [
        ({"status": {}}, True),
        ({"status": {"state": "connected"}}, False),
        ({"status": {}, "endpoint": None}, False),
        ({"status": {}, "endpoint_from_file": False}, False),
        ({"status": {"state": "connected"}, "endpoint_from_file": True}, True),
    ],
)
def test_an_endpoint_that_an_earlier_version_imported_and_never_used_came_with_a_file(
    change: dict[str, Any], is_from_file: bool
) -> None:
    body = json.dumps({**json.loads(OF_EARLIER_VERSION), **change}).encode()
    record = decode_stored_record(body).record
    assert record.endpoint_from_file is is_from_file
    assert decode_stored_record(encode_record(record)).record.endpoint_from_file is is_from_file


@given(SECTIONS, LATER | st.just({}), st.data())
def test_any_context_comes_back_as_it_was(
    sections: dict[str, Section], extra: dict[str, Any], data: st.DataObject
) -> None:
    section_extra = data.draw(st.dictionaries(st.sampled_from(sorted(sections)), LATER)) if sections else {}
    stored = StoredContext(sections, extra, section_extra)
    assert decode_context(encode_context(stored)) == stored


def test_a_context_is_written_one_section_a_line() -> None:
    sections = {"code": Section('"grün"'.encode(), 3, "me"), "gone": Section(None, 2, "me")}
    assert encode_context(StoredContext(sections, {"later": 1}, {"code": {"hue": 5}})).decode() == (
        '{"sections":{\n'
        '"code":{"counter":3,"writer":"me","hue":5,"value":"grün"},\n'
        '"gone":{"counter":2,"writer":"me","deleted":true}\n'
        '},"later":1}\n'
    )


@given(st.lists(st.integers(0, 2**32 - 1), max_size=KNOWN_COPIES), st.none() | st.just(b"1"))
def test_the_copies_that_a_section_knows_come_back_with_it(known: list[int], value: bytes | None) -> None:
    stored = decode_context(encode_context(StoredContext({"x": Section(value, 1, "w", tuple(known))})))
    assert (stored.sections["x"].known, stored.section_extra) == (tuple(known), {})


def test_known_copies_are_written_where_there_are_some() -> None:
    sections = {"code": Section(b"1", 3, "me", (7, 4_294_967_295)), "gone": Section(None, 2, "me", (8,))}
    assert encode_context(StoredContext(sections)).decode() == (
        '{"sections":{\n'
        '"code":{"counter":3,"writer":"me","known":[7,4294967295],"value":1},\n'
        '"gone":{"counter":2,"writer":"me","known":[8],"deleted":true}\n'
        "}}\n"
    )


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ("5", ()),
        ("{}", ()),
        ("[1,-1]", ()),
        ("[1,true]", ()),
        ("[1,4294967296]", ()),
        ("[1,2.0]", ()),
        (str(list(range(99))), tuple(range(99))[-KNOWN_COPIES:]),
    ],
)
def test_known_copies_of_another_shape_are_no_damage(known: str, expected: tuple[int, ...]) -> None:
    body = b'{"sections":{"x":{"counter":1,"writer":"w","value":1,"known":%s}}}' % known.encode()
    assert decode_context(body).sections["x"].known == expected


def test_what_two_full_contexts_know_of_copies_still_fits_the_file() -> None:
    known = tuple(range(4_294_967_295 - KNOWN_COPIES, 4_294_967_295))
    sections = {f"{number}": Section(b"1", 1, "w" * 32, known) for number in range(2 * SECTIONS_MAX)}
    body = encode_context(StoredContext(sections))
    assert len(body) < CONTEXT_FILE_MAX_BYTES - CONTEXT_MAX_BYTES
    assert decode_context(body).sections.keys() == sections.keys()


def test_an_empty_context_is_json_too() -> None:
    assert json.loads(encode_context(StoredContext())) == {"sections": {}}


def test_a_record_that_is_not_json_is_refused() -> None:
    for value in (float("nan"), object()):
        with pytest.raises((ValueError, TypeError)):
            encode_record(SessionRecord(profile="p", status={"x": value}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"profile":5,"wanted":true}',
        b'{"profile":"p","wanted":1}',
        b'{"profile":"p","wanted":true,"status":[]}',
        b'{"profile":"p","wanted":true,"endpoint":5}',
        b'{"profile":"p","wanted":true,"image_id":"\\ud800"}',
        b'{"profile":"p","wanted":true,"status":{"x":NaN}}',
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:50]),
)
def test_what_is_no_record_is_damaged(body: bytes) -> None:
    with pytest.raises(DamagedFile):
        decode_stored_record(body)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"sections":[]}',
        b'{"sections":{"x":5}}',
        b'{"sections":{"x":{"counter":1,"writer":"w"}}}',
        b'{"sections":{"x":{"counter":-1,"writer":"w","value":1}}}',
        b'{"sections":{"x":{"counter":1,"writer":5,"value":1}}}',
        b'{"sections":{"":{"counter":1,"writer":"w","value":1}}}',
        b'{"sections":{"stui_supervisor":{"counter":1,"writer":"w","value":1}}}',
        b'{"sections":{"x":{"counter":1,"writer":"w","value":"\\ud800"}}}',
        b'{"sections":{"x":{"counter":1,"writer":"w","value":1e999}}}',
        b'{"sections":{"x":{"counter":1,"writer":"w","value":' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:60]),
)
def test_what_is_no_context_is_damaged(body: bytes) -> None:
    with pytest.raises(DamagedFile):
        decode_context(body)


def test_an_integer_that_an_earlier_version_took_costs_neither_itself_nor_the_other_sections() -> None:
    digits = b"7" * (INTEGER_MAX_DIGITS + 1)
    section = b'"%s":{"counter":1,"writer":"w","value":[%s]}'
    parts = [(b"long", digits), (b"text", b'"%s"' % digits), (b"other", b"1")]
    body = b'{"sections":{%s}}' % b",".join(section % part for part in parts)
    for limit in (640, 4_300, 0):
        with digits_limited_to(limit):
            stored = decode_context(body)
            assert decode_context(encode_context(stored)) == stored
        assert {name: part.value for name, part in stored.sections.items()} == {
            name.decode(): b"[%s]" % value for name, value in parts
        }
        assert [name for name, part in stored.sections.items() if part.stays_here] == ["long"]
        assert json.loads(encode_state_data(stored.sections)).keys() == {"text", "other", METADATA_KEY}


def test_a_section_that_has_to_stay_here_is_never_missing_in_an_image() -> None:
    context, _ = make()
    context.replace({"long": Section(b"1", 1, "w", stays_here=True)})
    assert context.merge({}).newer == ()
