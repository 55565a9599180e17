"""What is remembered of a link from one start to the next: the content of ``endpoint.<seq>.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stui_supervisor.context import Section
from stui_supervisor.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """The last-known-good endpoint and what belongs to it.

    ``endpoint`` changes only when a link is established. ``wanted`` is False after a person's
    disconnect. ``status`` is what ``stui-supervisor status`` shows when no supervisor runs. ``extra``
    carries keys of newer versions through unchanged.
    """

    profile: str
    endpoint: str | None = None
    wanted: bool = True
    dialect: str | None = None
    image_id: str | None = None
    backend_session: str | None = None
    client_id: str | None = None
    status: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


class SessionLost(StoreError):
    """The session belongs to another process by now, and takes no save of ours any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreNotice:
    """Something the store has to tell the user: a damaged file set aside, a newer format left alone."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A session that this process now owns, and what was in it.

    ``fresh`` is True for a session that did not exist before; its record may still be seeded with
    the endpoint of its profile's newest session.
    """

    session_id: str
    record: SessionRecord
    sections: Mapping[str, Section]
    fresh: bool
    notices: tuple[StoreNotice, ...] = ()
