"""The JSON body of ``profiles.json``: ``{"profiles": {NAME: {"endpoints": […], …}, …}}``.

One profile a line, so that a person can read it, and each line with a checksum of its own as its last key:
of a file that is damaged elsewhere a profile can still be known for certain. The checksum covers the line
up to there, the name included. What a later version added is kept and written again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, NamedTuple

from stui_supervisor.adapters.files.file_format import DamagedFile
from stui_supervisor.adapters.sessions.codec import json_object
from stui_supervisor.profile import Profile

MINOR: Final = 1  # of the format of this body; before that no line had a checksum

_TEXTS: Final = ("pin_image", "notifications", "ipc_owner")
_LISTS: Final = ("endpoints", "topics", "recent")
_FLAGS: Final = ("failover", "uses_token", "allow_plaintext_token", "favourite", "wanted")
_KEYS: Final = tuple(item.name for item in fields(Profile) if item.name not in {"name", "extra"})

_CHECKSUM: Final = "sha256"
_UNCONFIRMED: Final = "unconfirmed"
_LINE: Final = re.compile(rb'(?P<checked>"(?P<name>[^"\\]+)":\{.*),"sha256":"(?P<digest>[0-9a-f]{64})"\},?')
_FORMAT: Final = b"stui-supervisor profile 1\n"  # a line of a later major version never looks right to this one

_NOTHING: Final[Mapping[str, Any]] = {}


class StoredProfiles(NamedTuple):
    """Every profile by its name, and the unknown keys of the whole.

    ``is_complete`` is False while there were others that could not be read and that nobody has confirmed yet.
    """

    profiles: Mapping[str, Profile] = _NOTHING
    extra: Mapping[str, Any] = _NOTHING
    is_complete: bool = True


def encode_profiles(stored: StoredProfiles) -> bytes:
    """Write each profile on a line of its own."""
    lines = ",\n".join(_line(name, profile) for name, profile in stored.profiles.items())
    others = stored.extra if stored.is_complete else {**stored.extra, _UNCONFIRMED: True}
    extra = "".join(f",{json.dumps(key)}:{json.dumps(value)}" for key, value in others.items())
    return f'{{"profiles":{{\n{lines}\n}}{extra}}}\n'.encode()


def decode_profiles(body: bytes) -> StoredProfiles:
    """Read the body of a file that is whole. Raises DamagedFile when it does not hold profiles."""
    values = json_object(body)
    entries = values.pop("profiles", None)
    if not isinstance(entries, dict):
        raise DamagedFile("it does not hold profiles")
    is_complete = values.pop(_UNCONFIRMED, False) is not True
    return StoredProfiles({name: _profile(name, entry) for name, entry in entries.items()}, values, is_complete)


def salvage_profiles(content: bytes) -> dict[str, Profile]:
    """The profiles whose own checksum is right, in a file that is not whole; none that stands there twice."""
    found: dict[str, Profile | None] = {}
    for line in content.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None or _digest(match["checked"]) != match["digest"]:
            continue
        try:
            name = match["name"].decode("ascii")
            profile = _profile(name, json_object(b"{%s}}" % match["checked"])[name])
        except (DamagedFile, UnicodeDecodeError):
            continue
        found[name] = profile if found.get(name, profile) == profile else None
    return {name: profile for name, profile in found.items() if profile is not None}


def profile_values(profile: Profile) -> dict[str, Any]:
    """The known keys of a profile, as they are stored."""
    return {**{key: getattr(profile, key) for key in _KEYS}, "server_keys": dict(profile.server_keys)}


def _line(name: str, profile: Profile) -> str:
    checked = f"{json.dumps(name)}:{json.dumps({**profile.extra, **profile_values(profile)})}"[:-1]
    return f'{checked},"{_CHECKSUM}":"{_digest(checked.encode()).decode()}"}}'


def _digest(checked: bytes) -> bytes:
    return hashlib.sha256(_FORMAT + checked).hexdigest().encode()


def _profile(name: str, entry: Any) -> Profile:
    """An entry may lack any key: an earlier version did not know it."""
    if not isinstance(entry, dict):
        raise DamagedFile("one of its profiles has a wrong shape")
    known = {key: entry[key] for key in _KEYS if key in entry}
    if not all(_fits(key, value) for key, value in known.items()):
        raise DamagedFile("one of its profiles has a wrong shape")
    values: dict[str, Any] = {key: tuple(value) if key in _LISTS else value for key, value in known.items()}
    extra = {key: value for key, value in entry.items() if key not in _KEYS and key != _CHECKSUM}
    return Profile(name=name, **values, extra=extra)


def _fits(key: str, value: Any) -> bool:
    if key in _FLAGS:
        return isinstance(value, bool)
    if key in _TEXTS:
        return value is None or isinstance(value, str)
    if key in _LISTS:
        return isinstance(value, list) and all(isinstance(text, str) for text in value)
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
