from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.adapters.files.file_format import DamagedFile
from stui_supervisor.adapters.profiles.codec import StoredProfiles, decode_profiles, encode_profiles, salvage_profiles
from stui_supervisor.profile import Profile

TEXT = st.text(max_size=10)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
LATER = st.dictionaries(st.sampled_from(["later", "name", "\ud800", "ü"]), JSON, max_size=2)
PROFILES = st.builds(
    Profile,
    name=TEXT,
    endpoints=TEXTS,
    failover=st.booleans(),
    pin_image=st.none() | TEXT,
    notifications=st.none() | TEXT,
    topics=TEXTS,
    uses_token=st.booleans(),
    allow_plaintext_token=st.booleans(),
    server_keys=st.dictionaries(TEXT, TEXT, max_size=2),
    favourite=st.booleans(),
    recent=TEXTS,
    wanted=st.booleans(),
    extra=LATER,
)
STORED = st.builds(
    StoredProfiles,
    st.lists(PROFILES, max_size=4).map(lambda profiles: {profile.name: profile for profile in profiles}),
    LATER,
    st.booleans(),
)


@given(STORED)
def test_any_profiles_come_back_as_they_were(stored: StoredProfiles) -> None:
    assert decode_profiles(encode_profiles(stored)) == stored


def test_a_profile_is_one_line_that_a_person_can_read() -> None:
    profile = Profile(name="work", endpoints=("tcp://127.0.0.1:5555",), failover=True, extra={"later": 1})
    line = (
        '"work":{"later": 1, "endpoints": ["tcp://127.0.0.1:5555"], "failover": true, "pin_image": null, '
        '"notifications": null, "topics": [], "uses_token": false, "allow_plaintext_token": false, '
        '"server_keys": {}, "ipc_owner": null, "favourite": false, "recent": [], "wanted": true'
    )
    digest = sha256(b"stui-supervisor profile 1\n" + line.encode()).hexdigest()
    assert encode_profiles(StoredProfiles({"work": profile})).decode() == (
        f'{{"profiles":{{\n{line},"sha256":"{digest}"}}\n}}}}\n'
    )


def test_what_an_earlier_version_did_not_know_has_its_default() -> None:
    assert decode_profiles(b'{"profiles":{"work":{"failover":true}}}') == StoredProfiles(
        {"work": Profile(name="work", failover=True)}
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("failover", 1),
        ("favourite", None),
        ("pin_image", 7),
        ("notifications", []),
        ("endpoints", "tcp://127.0.0.1:5555"),
        ("endpoints", [1]),
        ("topics", None),
        ("recent", {}),
        ("server_keys", []),
        ("server_keys", {"tcp://127.0.0.1:5555": 1}),
    ],
)
def test_a_value_of_another_type_is_damage(key: str, value: Any) -> None:
    with pytest.raises(DamagedFile, match="one of its profiles has a wrong shape"):
        decode_profiles(json.dumps({"profiles": {"work": {key: value}}}).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"profiles":[]}', b'{"profiles":{"work":1}}', b"\xff"])
def test_what_does_not_hold_profiles_is_damage(body: bytes) -> None:
    with pytest.raises(DamagedFile):
        decode_profiles(body)


@given(STORED, st.data())
def test_of_a_damaged_body_only_lines_that_are_as_they_were_written_are_read(
    stored: StoredProfiles, data: st.DataObject
) -> None:
    body = bytearray(encode_profiles(stored))
    for _ in range(data.draw(st.integers(0, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    assert salvage_profiles(bytes(body)).items() <= stored.profiles.items()


@given(STORED)
def test_every_profile_with_a_plain_name_is_read_from_its_line(stored: StoredProfiles) -> None:
    plain = {name: profile for name, profile in stored.profiles.items() if name.isascii() and name.isalnum()}
    assert plain.items() <= salvage_profiles(encode_profiles(stored)).items()
