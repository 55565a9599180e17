"""What images call themselves: names of every kind that JSON has, and how a person may spell them."""

from __future__ import annotations

import hashlib
import json
from random import Random
from typing import Any, Final

from stui_supervisor.session.records import SessionRecord

NULL: Final = ("null",)  # named, with null; None is not named at all
USUAL: Final = ("Pharo 12.0", "Pharo 13.0", None)
_ODD: Final = (
    7,
    "7",
    0,
    False,
    "false",
    2**70,
    [12, 0],
    {"name": "Pharo", "build": 1530},
    {"name": "Pharo", "build": "1530"},
    "画像 12",
    "Образ\u0000\u202e12",
    "x" * 300,
    "x" * 299 + "y",
    {"name": "é" * 200},
    "Pharo 12.0",
    "pharo 12.0",
)
_UNNAMED: Final = (None, NULL, "")
_EQUAL_LOOKING: Final = ((7, "7"), (False, "false"), ("x" * 300, "x" * 299 + "y"), ("Pharo 12.0", "pharo 12.0"))
_OFTEN_ODD: Final = 0.4
_ALIKE: Final = 0.5
_SHOWN_BYTES: Final = 256


def some_names(rng: Random) -> tuple[Any, Any, Any]:
    """The names of the images in one life: two that differ, perhaps in their kind only, and a missing one."""
    if rng.random() >= _OFTEN_ODD:
        return USUAL
    one, other = rng.choice(_EQUAL_LOOKING) if rng.random() < _ALIKE else rng.sample(_ODD, 2)
    return one, other, rng.choice(_UNNAMED)


def named(name: Any) -> dict[str, Any]:
    """What a ping says of the image."""
    return {} if name is None else {"image_id": None if name is NULL else name}


def canonical(name: Any) -> str | None:
    """The same text for equal names only; None for one that is missing."""
    if name is NULL or name is None or name == "":
        return None
    return json.dumps(name, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def known_as(record: SessionRecord) -> str | None:
    """What a session remembers of its image, so that two images differ."""
    return None if record.image is None else record.image.canonical


def spellings(name: Any) -> tuple[str, ...]:
    """How a person may pin it: as it is shown, as it is, and as JSON."""
    as_json = canonical(name) or ""
    text = name if isinstance(name, str) else as_json
    is_short = len(text.encode()) <= _SHOWN_BYTES
    shown = text if is_short else f"sha256:{hashlib.sha256(as_json.encode()).hexdigest()}"
    return shown, text, as_json
