from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.adapters.files.file_format import (
    DamagedFile,
    Header,
    Kind,
    NewerFormat,
    decode,
    encode,
    file_name,
    parse_name,
    peek,
)
from stui_supervisor.config import SEQ_MAX, TURN_MAX
from stui_supervisor.peer.identity import identity_of
from tests.support.core.values import JSON_VALUES
from tests.support.files.stored_files import sealed, with_header

BODY = b'{"sections":{\n"x":{"counter":1,"writer":"w","value":1}\n}}\n'
HEADER = Header(
    kind=Kind.CONTEXT,
    seq=7,
    saved_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
    profile="default",
    live_sections=1,
    writer="0.1.0",
    minor=0,
)
GOLDEN = (
    b'{"magic":"stui-supervisor","kind":"context","major":1,"minor":0,"seq":7,"length":58,"writer":"0.1.0",'
    b'"time":"2026-01-31T12:00:00.000000+00:00","profile":"default","live_sections":1,'
    b'"sha256":"ca9b983ff5ab9bfe010ed0589a3c74defce465b66cf90a3a92888c2ca2e81cb4"}\n'
)

HEADERS = st.builds(
    Header,
    kind=st.sampled_from(Kind),
    seq=st.integers(1, 10**15 - 1),
    saved_at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=30))])),
    profile=st.text(max_size=64),
    live_sections=st.integers(0, 10_000),
    writer=st.text(max_size=20),
    minor=st.integers(0, 99),
    turn=st.integers(0, TURN_MAX),
    image=JSON_VALUES.map(identity_of),
)


def whole(header: Header = HEADER, body: bytes = BODY) -> bytes:
    return encode(header, body) + body


def test_the_format_of_version_one_does_not_change() -> None:
    assert encode(HEADER, BODY) == GOLDEN
    assert decode(GOLDEN + BODY) == (HEADER, BODY)


@given(HEADERS, st.binary(max_size=200))
def test_what_was_encoded_is_decoded(header: Header, body: bytes) -> None:
    content = whole(header, body)
    assert decode(content) == (header, body)
    assert peek(content) == header
    assert content == with_header(content)


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_is_found(bit: int) -> None:
    content = whole()
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << bit
        with pytest.raises(DamagedFile):
            decode(bytes(flipped))


def test_every_truncation_is_found() -> None:
    content = whole()
    for length in range(len(content)):
        with pytest.raises(DamagedFile):
            decode(content[:length])


@given(st.integers(0, 1_000), st.binary(min_size=1, max_size=20))
def test_bytes_put_into_a_file_are_found(position: int, added: bytes) -> None:
    content = whole()
    position %= len(content) + 1
    with pytest.raises(DamagedFile):
        decode(content[:position] + added + content[position:])


@given(st.binary(max_size=300))
def test_garbage_is_damaged(garbage: bytes) -> None:
    with pytest.raises(DamagedFile):
        decode(garbage)
    with pytest.raises(DamagedFile):
        peek(garbage)


def test_zeroes_are_damaged() -> None:
    with pytest.raises(DamagedFile, match="not a header"):
        decode(bytes(len(whole())))


def test_a_header_nested_too_deep_is_damaged() -> None:
    with pytest.raises(DamagedFile, match="not a header"):
        decode(b"[" * 100_000 + b"\n")


def test_a_newer_minor_with_more_keys_is_read() -> None:
    header, body = decode(with_header(whole(), minor=5, added={"later": [1]}))
    assert (header.minor, header.seq, body) == (5, 7, BODY)


def test_a_whole_file_of_a_newer_major_is_told_apart() -> None:
    content = with_header(whole(), major=2)
    with pytest.raises(NewerFormat, match="format 2"):
        decode(content)
    with pytest.raises(NewerFormat):
        peek(content)


def test_a_damaged_file_that_names_a_newer_major_says_so() -> None:
    with pytest.raises(DamagedFile) as caught:
        decode(whole().replace(b'"major":1', b'"major":3'))
    assert caught.value.claims_newer


def test_an_older_major_than_the_first_is_damaged() -> None:
    with pytest.raises(DamagedFile, match="wrong shape"):
        decode(with_header(whole(), major=0))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"seq": "7"},
        {"seq": True},
        {"live_sections": None},
        {"profile": 5},
        {"writer": []},
        {"minor": 1.5},
        {"major": "1"},
        {"length": 1},
        {"time": "yesterday"},
        {"time": "2026-01-31T12:00:00"},
        {"time": "9999-12-31T23:59:59-12:00"},
        {"time": 5},
        {"magic": "other"},
    ],
    ids=str,
)
def test_a_header_of_a_wrong_shape_is_damaged(change: dict[str, Any]) -> None:
    with pytest.raises(DamagedFile):
        decode(with_header(whole(), **change))


@pytest.mark.parametrize("turn", [-1, 0, TURN_MAX + 1, 1.5, True, "7", None, [7]])
def test_a_turn_that_cannot_be_is_none(turn: object) -> None:
    assert decode(with_header(whole(), turn=turn)) == (HEADER, BODY)


def test_a_header_without_its_keys_is_damaged() -> None:
    with pytest.raises(DamagedFile, match="incomplete"):
        decode(sealed({"magic": "stui-supervisor", "major": 1, "length": len(BODY)}, BODY))


@given(st.sampled_from([Kind.ENDPOINT, Kind.CONTEXT, Kind.SNAPSHOT]), st.integers(1, SEQ_MAX))
def test_a_name_tells_kind_and_seq(kind: Kind, seq: int) -> None:
    assert parse_name(file_name(kind, seq)) == (kind, seq)


@pytest.mark.parametrize(
    "name",
    [
        "lock",
        "context.json",
        "context.0.json",
        "context.07.json",
        "context.-1.json",
        "context.1.json.tmp",
        "context.1234567890123456789.json",
        "context.\u0661.json",
        "Context.1.json",
        ".context.1.json",
        "other.1.json",
    ],
)
def test_other_names_are_no_generations(name: str) -> None:
    assert parse_name(name) is None


@pytest.mark.parametrize("image", ["", "one", '{"b":1,"a":2}', 7, None, ["x"], "[" * 9_999])
def test_an_image_that_no_header_of_ours_names_is_none(image: object) -> None:
    assert decode(with_header(whole(), image=image)) == (HEADER, BODY)
