"""What stands in place of the stores of sessions and of profiles where there is no directory for them."""

from __future__ import annotations

from collections.abc import Mapping

from stui_supervisor.context.context import Section
from stui_supervisor.errors import StoreError
from stui_supervisor.peer.identity import Identity
from stui_supervisor.profile import Profile
from stui_supervisor.session.records import ClaimedSession, Notice, SessionRecord


class NoDisk:
    """The stores of a machine without a usable directory: every call that needs one raises why there is none.

    Reading a profile raises only where the user has named a directory (``is_named``), which may hold some.
    """

    def __init__(self, error: StoreError, *, is_named: bool = False) -> None:
        self._error = error
        self._is_named = is_named

    def claim(self, _profile: str, _image: Identity | None = None) -> ClaimedSession:
        """Raises StoreError."""
        raise self._error

    def claim_new(self, _profile: str, _image: Identity | None = None) -> ClaimedSession:
        """Raises StoreError."""
        raise self._error

    def save_record(self, _session_id: str, _record: SessionRecord) -> None:
        """Raises StoreError."""
        raise self._error

    def save_context(self, _session_id: str, _sections: Mapping[str, Section]) -> int:
        """Raises StoreError."""
        raise self._error

    def save_snapshot(self, _session_id: str, _sections: Mapping[str, Section]) -> None:
        """Raises StoreError."""
        raise self._error

    def sign_of_life(self) -> None:
        """Nothing was claimed."""

    def release(self, _session_id: str) -> None:
        """Nothing was claimed."""

    def read(self, name: str) -> tuple[Profile, tuple[Notice, ...]]:
        """An empty profile; raises StoreError where the user has named a directory."""
        if self._is_named:
            raise self._error
        return Profile(name=name), ()

    def note_link(self, *_: object, **__: object) -> None:
        """Raises StoreError."""
        raise self._error

    def signature(self) -> object:
        """Nothing ever changes."""
        return None
