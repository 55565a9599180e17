"""A session as one JSON file, to be kept or carried to another machine.

::

    {"magic": "stui-supervisor session", "major": 1, "minor": 0, "writer": "0.1.0", "time": "…",
     "profile": "default", "endpoint": "tcp://127.0.0.1:5555", "dialect": "command", "image_id": "Pharo 12.0",
     "context": {"sections": { …

``context`` is the body of a context file. What belongs to this machine and to the backend's session is left
out, so nobody can take that over with the file. A higher minor only adds keys, a higher major is refused.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from stui_supervisor import exact_json
from stui_supervisor._version import __version__
from stui_supervisor.adapters.files.file_format import DamagedFile
from stui_supervisor.adapters.sessions.codec import StoredContext, context_of, encode_context
from stui_supervisor.config import (
    CONTEXT_FILE_MAX_BYTES,
    CONTEXT_MAX_BYTES,
    CONTEXT_MAX_DEPTH,
    DELETIONS_MAX,
    FOREIGN_COUNTER_MAX,
    IDENTITY_MAX_BYTES,
    RECORD_MAX_BYTES,
    SECTIONS_MAX,
    SHARED_COUNTER_MAX,
)
from stui_supervisor.context.deletions import is_shared
from stui_supervisor.context.section import Section, encode_section, total_bytes
from stui_supervisor.endpoint import Endpoint, RelativePath
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.profile import checked_name
from stui_supervisor.session.records import SessionRecord, named
from stui_supervisor.wire.strict_json import MalformedMessage, parse

EXPORT_MAX_BYTES: Final = CONTEXT_FILE_MAX_BYTES + RECORD_MAX_BYTES

_MAGIC: Final = "stui-supervisor session"
_MAJOR: Final = 1
_MINOR: Final = 0
_LEVELS_AROUND: Final = 4  # the file, its context, the sections, and the one that holds a value


def encode_export(record: SessionRecord, stored: StoredContext, at: datetime) -> bytes:
    """The content of the file."""
    fields = {
        "magic": _MAGIC,
        "major": _MAJOR,
        "minor": _MINOR,
        "writer": __version__,
        "time": at.isoformat(timespec="seconds"),
        "profile": record.profile,
        "endpoint": record.endpoint,
        "dialect": record.dialect,
        **{name: value for name, value in named(record.image).items() if value or name == "image_id"},
    }
    return b'%s,"context":%s}\n' % (json.dumps(fields).encode()[:-1], encode_context(stored).rstrip())


def decode_export(content: bytes) -> tuple[SessionRecord, StoredContext]:
    """What a file holds, wherever it came from. Raises ConfigurationError, which says what is wrong with it."""
    try:
        values = parse(content, max_bytes=EXPORT_MAX_BYTES, max_depth=CONTEXT_MAX_DEPTH + _LEVELS_AROUND)
    except MalformedMessage as error:
        raise _refused(str(error)) from error
    if not isinstance(values, dict) or values.get("magic") != _MAGIC or type(values.get("major")) is not int:
        raise _refused("it is not an exported session")
    if values["major"] != _MAJOR:
        raise ConfigurationError(
            f"the session was exported in format {values['major']}, and this version reads format {_MAJOR}",
            hint="import it with the version that exported it, or a later one",
        )
    context = values.get("context")
    if not isinstance(context, dict):
        raise _refused("it has no context")
    try:
        record, stored = _record(values), context_of(context)
    except DamagedFile as error:
        raise _refused(str(error)) from error
    reason = _beyond(stored)
    if reason is not None:
        raise ConfigurationError(
            f"the session cannot be imported: {reason}",
            hint="make it smaller where it came from, and export it again; nothing was changed here",
        )
    return record, stored


def _beyond(stored: StoredContext) -> str | None:
    """What of a context is more than a context may have, or None; a file may come from anywhere."""
    live = {name: section for name, section in stored.sections.items() if section.value is not None}
    deletions = len(stored.sections) - len(live)
    size = total_bytes(live)
    added = len(json.dumps([dict(stored.extra), *map(dict, stored.section_extra.values())]))
    limits = (
        (len(live), SECTIONS_MAX, "sections"),
        (deletions, DELETIONS_MAX, "deleted sections"),
        (size, CONTEXT_MAX_BYTES, "bytes of work"),
        (added, CONTEXT_MAX_BYTES, "bytes that this version does not know"),
    )
    for found, limit, what in limits:
        if found > limit:
            return f"it has {found:,} {what}, and {limit:,} are allowed"
    for name, section in stored.sections.items():
        trouble = _trouble_of(name, section)
        if trouble is not None:
            return f"its section {name!a} {trouble}"
    return None


def _trouble_of(name: str, section: Section) -> str | None:
    if section.counter > (SHARED_COUNTER_MAX if is_shared(name) else FOREIGN_COUNTER_MAX):
        return "was changed more often than can be"
    if section.value is None:
        return None
    try:
        encode_section(name, exact_json.loads(section.value))
    except ConfigurationError as error:
        return f"cannot be one: {error.message}"
    return None


def _record(values: dict[str, Any]) -> SessionRecord:
    return SessionRecord(
        profile=checked_name(values.get("profile", "")),
        endpoint=_endpoint(values),
        endpoint_from_file=values.get("endpoint") is not None,
        dialect=_text(values, "dialect"),
        image_id=_text(values, "image_id"),
        image_canonical=_text(values, "image_canonical"),
    )


def _endpoint(values: dict[str, Any]) -> str | None:
    """The endpoint in its one spelling. A relative path stays as it was typed elsewhere: nobody follows it."""
    text: Any = values.get("endpoint")
    try:
        return None if text is None else str(Endpoint.stored(text))
    except RelativePath:
        return str(text)


def _text(values: dict[str, Any], name: str) -> str | None:
    text = values.get(name)
    if text is not None and (not isinstance(text, str) or len(text.encode()) > IDENTITY_MAX_BYTES):
        raise DamagedFile(f"its {name} is not a text of a usable length")
    return text


def _refused(reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"the session cannot be imported: {reason}", hint="name a file that 'sessions export' has written"
    )
