"""The JSON body of ``profiles.json``: ``{"profiles": {NAME: {"endpoints": […], …}, …}}``.

One profile a line, so that a person can read it. What a later version added is kept and written again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, NamedTuple

from stui_supervisor.adapters.generations import Damaged
from stui_supervisor.adapters.session_bodies import json_object
from stui_supervisor.profile import Profile

_TEXTS: Final = ("pin_image", "notifications", "ipc_owner")
_LISTS: Final = ("endpoints", "topics", "recent")
_FLAGS: Final = ("failover", "uses_token", "allow_plaintext_token", "favourite")
_KEYS: Final = tuple(item.name for item in fields(Profile) if item.name not in {"name", "extra"})


_NOTHING: Final[Mapping[str, Any]] = {}


class StoredProfiles(NamedTuple):
    """Every profile by its name, and the unknown keys of the whole."""

    profiles: Mapping[str, Profile] = _NOTHING
    extra: Mapping[str, Any] = _NOTHING


def encode_profiles(stored: StoredProfiles) -> bytes:
    """Write each profile on a line of its own."""
    lines = ",\n".join(f"{json.dumps(name)}:{_entry(profile)}" for name, profile in stored.profiles.items())
    extra = "".join(f",{json.dumps(key)}:{json.dumps(value)}" for key, value in stored.extra.items())
    return f'{{"profiles":{{\n{lines}\n}}{extra}}}\n'.encode()


def decode_profiles(body: bytes) -> StoredProfiles:
    """Raises Damaged when it does not hold profiles."""
    values = json_object(body)
    entries = values.pop("profiles", None)
    if not isinstance(entries, dict):
        raise Damaged("it does not hold profiles")
    return StoredProfiles({name: _profile(name, entry) for name, entry in entries.items()}, values)


def profile_values(profile: Profile) -> dict[str, Any]:
    """Its known keys, as they are stored."""
    return {**{key: getattr(profile, key) for key in _KEYS}, "server_keys": dict(profile.server_keys)}


def _entry(profile: Profile) -> str:
    return json.dumps({**profile.extra, **profile_values(profile)})


def _profile(name: str, entry: Any) -> Profile:
    """An entry may lack any key: an earlier version did not know it."""
    if not isinstance(entry, dict):
        raise Damaged("one of its profiles has a wrong shape")
    known = {key: entry[key] for key in _KEYS if key in entry}
    if not all(_fits(key, value) for key, value in known.items()):
        raise Damaged("one of its profiles has a wrong shape")
    values: dict[str, Any] = {key: tuple(value) if key in _LISTS else value for key, value in known.items()}
    return Profile(name=name, **values, extra={key: value for key, value in entry.items() if key not in _KEYS})


def _fits(key: str, value: Any) -> bool:
    if key in _FLAGS:
        return isinstance(value, bool)
    if key in _TEXTS:
        return value is None or isinstance(value, str)
    if key in _LISTS:
        return isinstance(value, list) and all(isinstance(text, str) for text in value)
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
