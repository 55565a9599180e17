"""What is remembered of a link from one start to the next: the content of ``endpoint.<seq>.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from stui_supervisor.context.section import Section
from stui_supervisor.errors import StoreError
from stui_supervisor.machine.states import BackendVerdict, Work
from stui_supervisor.peer.backend_session import (
    BackendSession,
    SessionId,
)
from stui_supervisor.peer.identity import Identity
from stui_supervisor.problems import ProblemCode
from stui_supervisor.wire.dialects import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """The last-known-good endpoint and what belongs to it.

    ``endpoint`` changes only when a link is established; ``endpoint_from_file`` says that it came with an imported
    session and that nobody has named it here, so that no secret goes there. ``wanted`` is False after a person's
    disconnect. ``image_id`` is the image's name as it is shown, ``image_canonical`` its canonical form where the
    text alone does not say it. ``session`` is the session in the backend that holds a copy of the work, and
    ``client_id`` what we call ourselves there. ``is_unnamed_told``: the user knows that another image cannot be
    recognised. ``status`` is what ``stui-supervisor status`` shows when no supervisor runs. ``extra`` carries keys of
    newer versions through unchanged.
    """

    profile: str
    endpoint: str | None = None
    endpoint_from_file: bool = False
    wanted: bool = True
    dialect: str | None = None
    image_id: str | None = None
    image_canonical: str | None = None
    session: BackendSession | None = None
    client_id: str | None = None
    is_unnamed_told: bool = False
    status: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def image(self) -> Identity | None:
        """The image that the context belongs to, as far as it is known."""
        return Identity.stored(self.image_id, self.image_canonical) if self.image_id else None

    @property
    def backend_session(self) -> SessionId | None:
        """The id of the session in the backend."""
        return self.session.id if self.session is not None else None

    def of_image(self, image: Identity | None) -> SessionRecord:
        """The same for this image."""
        return replace(self, **named(image))


def named(image: Identity | None) -> dict[str, Any]:
    """The fields of a record that name an image."""
    if image is None:
        return {"image_id": None, "image_canonical": None}
    return {"image_id": image.text, "image_canonical": None if image.is_text_as_shown else image.canonical}


class SessionLost(StoreError):
    """The session belongs to another process by now, and takes no save of ours any more."""


class Notice(NamedTuple):
    """What the user has to know of the store's files: a damaged one set aside, a newer format left alone."""

    code: ProblemCode
    message: str
    hint: str


class ClaimedSession(NamedTuple):
    """A session that this process now owns, and what was in it.

    ``fresh`` is True for a session that did not exist before; its record may still be seeded with
    the endpoint of its profile's newest session. ``is_chosen`` is True for one that a person wants to go on with.
    ``is_certain`` is False where other sessions could not be read: one of them may have been used later.
    ``endpoints`` are those of all the profile's sessions, where the store tells. ``last_sign`` is when the process that
    saved the record is last known to have lived. ``is_older_copy``: the work saved last could not be used.
    """

    session_id: str
    record: SessionRecord
    sections: Mapping[str, Section]
    fresh: bool
    notices: tuple[Notice, ...] = ()
    is_chosen: bool = False
    is_certain: bool = True
    endpoints: frozenset[str] | None = None
    last_sign: datetime | None = None
    is_older_copy: bool = False


def has_work(sections: Mapping[str, Section]) -> bool:
    """True unless there are none, or all of them are deleted."""
    return any(section.value is not None for section in sections.values())


def found_in(claimed: ClaimedSession) -> Work:
    """What the work of a session is that was claimed just now."""
    if claimed.is_older_copy:
        return Work.OLDER_COPY
    return Work.RESTORED if has_work(claimed.sections) else Work.FRESH


class KnownBackend(NamedTuple):
    """What is known of a backend: what earlier links have shown, and the present one so far.

    ``client_id`` is what we call ourselves. ``is_elsewhere``: the backend session was made at another endpoint, so its
    absence here means nothing. ``sections`` are our context; they are looked for in the session where its owner is not
    known. ``found`` is what a handshake found the backend to be that made or missed the session and led to no link.
    """

    dialect: Dialect | None = None
    image: Identity | None = None
    session: BackendSession | None = None
    client_id: str = ""
    is_elsewhere: bool = False
    sections: Mapping[str, Section] = MappingProxyType({})
    found: BackendVerdict | None = None
