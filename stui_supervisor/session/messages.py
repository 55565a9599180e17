"""What is asked of the store and the profiles, and what they answer. Each answer carries the number of its question."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from stui_supervisor.context.section import Section
from stui_supervisor.errors import StoreError
from stui_supervisor.peer.identity import Identity
from stui_supervisor.profile import Profile
from stui_supervisor.session.records import ClaimedSession, Notice, SessionRecord


class Load(NamedTuple):
    """Claim a session, for an image if one is named, or make a new one; answer with Loaded or LoadFailed."""

    load: int
    profile: str
    image: Identity | None
    is_new: bool = False


class Save(NamedTuple):
    """Write what is given to a claimed session; answer with Saved or SaveFailed. One at a time is under way."""

    session_id: str
    record: SessionRecord
    sections: Mapping[str, Section] | None


class SaveSnapshot(NamedTuple):
    """Keep the copies that lost a merge, beside the claimed session's context; answer only with SnapshotFailed."""

    session_id: str
    sections: Mapping[str, Section]


class Release(NamedTuple):
    """Give a claimed session back, after what is being saved; one of a run that ends, when nothing more is saved."""

    session_id: str


class SaveEnded(NamedTuple):
    """A caller that waited for a save is answered: all is on the disk, or the write that held it failed."""

    waiter: int
    error: StoreError | None = None


class ReadProfile(NamedTuple):
    """Read what is settled for the profile; answer with ProfileRead or ProfileFailed."""

    read: int
    name: str


class NoteLink(NamedTuple):
    """Keep the endpoint, if there is one, as the profile's most recent one, and whether a link is wanted; no answer.

    It takes the place of the other texts that it is ``stored_as``.
    """

    profile: str
    endpoint: str | None
    wanted: bool = True
    stored_as: tuple[str, ...] = ()


class ContextChanged(NamedTuple):
    """The user changed a section of the context."""


class SaveContext(NamedTuple):
    """The user wants the context on disk now; a ``waiter`` is answered with SaveEnded."""

    waiter: int | None = None


class Loaded(NamedTuple):
    """The store has claimed a session."""

    load: int
    claimed: ClaimedSession


class LoadFailed(NamedTuple):
    """The store could not claim a session."""

    load: int
    error: StoreError


class Saved(NamedTuple):
    """A Save is on disk; ``context_bytes`` is the size of its context file, None when it held none."""

    session_id: str
    context_bytes: int | None


class SaveFailed(NamedTuple):
    """A Save is not, or not wholly, on disk."""

    session_id: str
    error: StoreError


class StoreSilent(NamedTuple):
    """A Save is under way for long, or, where ``is_over``, nobody waits for it any more: the program ends."""

    is_over: bool = False


class SnapshotFailed(NamedTuple):
    """The copies of a SaveSnapshot, these, are not on disk; where the session was lost they go to another one."""

    error: StoreError
    session_id: str = ""
    sections: Mapping[str, Section] = MappingProxyType({})


class ProfileRead(NamedTuple):
    """What is settled for the profile, and what the user has to know of the file."""

    read: int
    profile: Profile
    notices: tuple[Notice, ...]


class ProfileFailed(NamedTuple):
    """The profile could not be read."""

    read: int
    error: StoreError


class ProfileChanged(NamedTuple):
    """The file with the profile is another than the one that was read last."""


SessionEffect = Load | Save | SaveSnapshot | Release | SaveEnded
