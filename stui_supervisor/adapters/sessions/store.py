"""Sessions on disk: ``<root>/<session id>/endpoint.<seq>.json`` and ``context.<seq>.json``.

A session may also have ``snapshot.<seq>.json``: copies that lost against newer ones. Beside the
sessions are ``quarantine`` with damaged files, ``order.json`` (order.py) and ``claim.lock`` (claim_lock.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stui_supervisor.adapters.files.directory_check import open_to_others, refuse_foreign
from stui_supervisor.adapters.files.lock import LOCK_NAME, SessionLock
from stui_supervisor.adapters.files.notices import (
    as_error,
    lost,
    newer_notice,
    read_only_notice,
    taken_notice,
)
from stui_supervisor.adapters.files.passing_errors import patiently
from stui_supervisor.adapters.files.private_files import (
    make_private_directory,
    store_errors,
)
from stui_supervisor.adapters.sessions.claim_lock import ClaimLock
from stui_supervisor.adapters.sessions.codec import StoredContext
from stui_supervisor.adapters.sessions.listing import SessionListing, look_around
from stui_supervisor.adapters.sessions.order import SessionOrder
from stui_supervisor.adapters.sessions.owned_session import OwnedSession, SessionTakenOver
from stui_supervisor.adapters.sessions.reader import has_files, look
from stui_supervisor.adapters.sessions.removal import remove_if_empty, remove_if_outlived
from stui_supervisor.adapters.sessions.session_taker import SessionTaker
from stui_supervisor.adapters.sessions.stored_session import StoredSession, stored_session
from stui_supervisor.config import (
    EMPTY_SESSIONS_KEPT,
    IMAGES_KEPT,
    ORDER_WAIT_S,
    SESSION_KEPT_DAYS,
    SESSIONS_CLEANED,
)
from stui_supervisor.context.context import Section
from stui_supervisor.errors import StoreError
from stui_supervisor.peer.identity import Identity
from stui_supervisor.session.claim_order import Candidate, Last, as_last, in_order_of_claim, last_of, newest_first, seed
from stui_supervisor.session.records import ClaimedSession, Notice, SessionRecord
from stui_supervisor.session.retention import outlived


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FileSessionStore:
    """The sessions below ``root``, which is made when the first one is; ports.SessionStore says what the calls do.

    A claim prefers what is ``used``: the ids of the sessions that were saved to, here or by an earlier one of these.
    """

    def __init__(
        self, root: Path | str, utc: Callable[[], datetime] = _utc_now, *, used: set[str] | None = None
    ) -> None:
        self._root = os.fspath(root)
        self._utc = utc
        self._order = SessionOrder(self._root)
        self._claim_lock = ClaimLock(self._root)
        self._taker = SessionTaker(self._root, utc)
        self._owned: dict[str, OwnedSession] = {}
        self._used = set[str]() if used is None else used
        self._outlived: list[Candidate] = []

    def claim(self, profile: str, image: Identity | None = None) -> ClaimedSession:
        """See ports.SessionStore. Files that cannot be used are set aside and told in ``notices``.

        While the disk does not give what is there, the first few claims fail: one that is made again may find all.
        """
        with store_errors("claim a session", self._root):
            make_private_directory(self._root)
            refuse_foreign(self._root)
            with self._claim_lock.held() as is_alone:
                seen = look_around(self._root)
                self._order.saw(candidate.turn for candidate in seen.candidates)
                with self._taker.one_claim():
                    self._taker.put_off(seen.troubles)
                    claimed = self._claim(seen, profile, image)
                if is_alone and claimed.fresh:
                    self._remove_needless(seen, profile)
                self._outlived = outlived(seen.candidates, self._utc(), SESSION_KEPT_DAYS)[:SESSIONS_CLEANED]
                known = frozenset(one.record.endpoint or "" for one in seen.candidates if one.record.profile == profile)
                return claimed._replace(is_certain=seen.is_certain, endpoints=known)

    def claim_new(self, profile: str, image: Identity | None = None) -> ClaimedSession:
        """See ports.SessionStore."""
        with store_errors("make a session", self._root):
            make_private_directory(self._root)
            refuse_foreign(self._root)
            return self._begin(SessionRecord(profile=profile).of_image(image), [])

    def claim_this(self, session_id: str) -> ClaimedSession:
        """Own one session, whatever its profile. Raises StoreError when that cannot be.

        What is damaged is set aside and told in ``notices``, as in ``claim``.
        """
        with store_errors("claim the session", self._path(session_id)), self._claim_lock.held():
            seen = look_around(self._root)
            self._order.saw(candidate.turn for candidate in seen.candidates)
            if session_id in seen.left_out:
                raise as_error(seen.left_out[session_id])
            found = patiently(lambda: look(self._path(session_id), session_id), lambda _: False)
            if found.newer is not None:
                raise as_error(newer_notice(session_id, str(found.newer))) from found.newer
            if found.candidate is None:
                raise as_error(taken_notice(session_id))
            session, notices = self._taker.take(session_id, found.candidate.record.profile)
            if session is None:
                raise as_error(notices[-1] if notices else taken_notice(session_id))
            self._owned[session_id] = session
            return self._claimed(session_id, session, notices)

    def begin_with(self, record: SessionRecord, stored: StoredContext) -> str:
        """Make a session that holds this, for the next start to claim; its id. Raises StoreError."""
        with store_errors("make a session", self._root):
            make_private_directory(self._root)
            self._order.saw(self.all_turns())
            claimed = self._begin(record, [])
            self._owned[claimed.session_id].context = stored
        is_whole = False
        try:
            self.save_record(claimed.session_id, record)
            self.save_context(claimed.session_id, stored.sections)
            is_whole = True
            self.choose(record.profile, claimed.session_id)
        finally:
            self.release(claimed.session_id)
            if not is_whole:  # nothing of it is left behind
                remove_if_empty(self._path(claimed.session_id))
        return claimed.session_id

    def choose(self, profile: str, session_id: str) -> None:
        """Let the next start of the profile go on with this session, whatever is saved before. Raises StoreError."""
        with store_errors("choose the session", self._root), self.alone():
            self._order.choose(profile, session_id)

    def alone(self) -> AbstractContextManager[bool]:
        """See order.OrderedSessions."""
        return self._claim_lock.held(wait_s=ORDER_WAIT_S)

    def all_turns(self) -> list[int]:
        """See order.OrderedSessions."""
        return [candidate.turn for candidate in look_around(self._root).candidates]

    def prune(self, profile: str | None, days: float, images: int = IMAGES_KEPT) -> list[str]:
        """Remove the sessions of the profile, or of every one, that nobody has used for so long; their ids.

        The newest few with work in them of the last ``images`` of a profile stay, its last link, and what is owned.
        Raises StoreError.
        """
        with store_errors("clean up the sessions", self._root), self._claim_lock.held(make_file=False) as is_alone:
            fitting = [seen for seen in look_around(self._root).candidates if profile in {None, seen.record.profile}]
            if not is_alone:  # after the look, which tells of a directory that cannot be read
                return []
            return self._remove_outlived(outlived(fitting, self._utc(), days, images), days)

    def prunable(self, profile: str | None, days: float, images: int = IMAGES_KEPT) -> list[StoredSession]:
        """Those that ``prune`` would remove now, the oldest first. Changes nothing. Raises StoreError."""
        with store_errors("look at the sessions", self._root):
            fitting = [seen for seen in look_around(self._root).candidates if profile in {None, seen.record.profile}]
            found = outlived(fitting, self._utc(), days, images)
            with self._claim_lock.held(make_file=False):
                return [stored_session(one, live=False) for one in found if not self._is_live(one.session_id)]

    def left_out(self) -> dict[str, Notice]:
        """Why sessions are left as they are, by their ids: of a later version, or behind a link that is not followed.

        Raises StoreError.
        """
        with store_errors("read the sessions", self._root):
            return look_around(self._root).left_out

    def save_record(self, session_id: str, record: SessionRecord) -> None:
        """See ports.SessionStore."""
        session = self._session(session_id)
        with self._saving("save the endpoint", session):
            session.turn = self._order.turn_of(session_id, session.turn, self)
            session.save_record(record, self._utc())
            self._used.add(session_id)
        self._clean_up_one()

    def save_context(self, session_id: str, sections: Mapping[str, Section]) -> int:
        """See ports.SessionStore."""
        session = self._session(session_id)
        with self._saving("save the context", session):
            session.turn = self._order.turn_of(session_id, session.turn, self)
            return session.save_context(sections, self._utc())

    def save_snapshot(self, session_id: str, sections: Mapping[str, Section]) -> None:
        """See ports.SessionStore."""
        session = self._session(session_id)
        with self._saving("keep a snapshot", session):
            session.save_snapshot(sections, self._utc())

    def sign_of_life(self) -> None:
        """See ports.SessionStore."""
        for session in list(self._owned.values()):
            with suppress(OSError):
                session.sign_of_life(self._utc())

    def release(self, session_id: str) -> None:
        """See ports.SessionStore."""
        session = self._owned.pop(session_id, None)
        if session is not None:
            with store_errors("release the session", session.path):
                session.release()

    def read_newest(self, profile: str | None = None) -> Iterable[StoredSession]:
        """All sessions of the profile, or of every one, newest first. Claims nothing and changes nothing.

        Raises StoreError when the directory cannot be read; a missing one has no sessions.
        """
        with store_errors("read the sessions", self._root):
            fitting = [
                candidate
                for candidate in look_around(self._root).candidates
                if profile in {None, candidate.record.profile}
            ]
            if not fitting:
                return []
            with self._claim_lock.held(make_file=False):
                return [
                    stored_session(
                        candidate,
                        live=self._is_live(candidate.session_id),
                        last_sign=self._not_after_now(candidate.last_sign),
                    )
                    for candidate in newest_first(fitting)
                ]

    def unusable(self) -> list[str]:
        """The ids of those that were stored, and of which no file can be used. Raises StoreError."""
        with store_errors("read the sessions", self._root):
            seen = look_around(self._root)
            return [session_id for session_id in seen.unreadable if has_files(self._path(session_id))]

    def known_profiles(self) -> set[str]:
        """The profiles that have a session."""
        with store_errors("read the sessions", self._root):
            return {candidate.record.profile for candidate in look_around(self._root).candidates}

    def _claim(self, seen: SessionListing, profile: str, image: Identity | None) -> ClaimedSession:
        notices = open_to_others(self._root)
        notices += seen.left_out.values()
        for session_id in seen.unreadable:
            remains, found = self._taker.take(session_id, profile)
            notices += found
            if remains is not None:
                remains.release()
        chosen = self._order.chosen(profile)
        last = Last()
        if image is None and not self._used:
            last = last_of(seen.candidates, profile, lambda one: not self._is_live(one.session_id))
        queue = in_order_of_claim(seen.candidates, profile, image, chosen=chosen, used=self._used, last=last)
        while queue:
            candidate = queue.pop(0)
            if candidate.session_id in self._owned:
                continue  # also one that is borrowed, which no lock shows
            session, found = self._taker.take(candidate.session_id, profile)
            notices += found
            if session is None:
                continue
            is_empty = all(section.value is None for section in session.context.sections.values())
            if is_empty and candidate.live_sections:  # its newest context was damaged: others may have more
                session.release()
                queue = [*queue, candidate._replace(live_sections=0)]
                queue = in_order_of_claim(queue, profile, image, used=self._used, last=last)
                continue
            self._owned[candidate.session_id] = session
            if candidate.session_id == chosen and session.read_only is None:
                with suppress(OSError):
                    self._order.choose(profile, None)
            claimed = self._claimed(candidate.session_id, session, notices)
            if candidate.session_id == chosen:
                return claimed._replace(is_chosen=True)
            return claimed._replace(record=as_last(candidate._replace(record=session.record), last))
        return self._begin(seed(seen.candidates, profile, image), notices)

    def _claimed(self, session_id: str, session: OwnedSession, notices: Sequence[Notice]) -> ClaimedSession:
        if session.read_only is not None:
            notices = [*notices, read_only_notice(session_id, session.read_only)]
        return ClaimedSession(
            session_id=session_id,
            record=session.record,
            sections=session.context.sections,
            fresh=False,
            notices=tuple(dict.fromkeys(notices)),  # one that is only borrowed may have been read twice
            last_sign=self._not_after_now(session.last_sign),
            is_older_copy=session.is_older_copy,
        )

    def _not_after_now(self, at: datetime | None) -> datetime | None:
        """The earlier of ``at`` and now: a clock that was set, or a copied file, may show a time to come."""
        return None if at is None else min(at, self._utc())

    def _clean_up_one(self) -> None:
        """With each save remove one session that nobody has used for long; a start has no time for that."""
        if not self._outlived:
            return
        with suppress(OSError), self._claim_lock.held(wait_s=0) as is_alone:
            if is_alone:
                self._remove_outlived([self._outlived.pop(0)], SESSION_KEPT_DAYS)

    def _remove_outlived(self, candidates: list[Candidate], days: float) -> list[str]:
        saved_before = self._utc() - timedelta(days=days)
        return [
            candidate.session_id
            for candidate in candidates
            if candidate.session_id not in self._owned
            and remove_if_outlived(self._path(candidate.session_id), saved_before)
        ]

    def _remove_needless(self, seen: SessionListing, profile: str) -> None:
        """Remove sessions without work, but for EMPTY_SESSIONS_KEPT of the profile, and those without a usable file."""
        free = 0
        needless = list(seen.unreadable)
        for candidate in newest_first(seen.candidates):
            if candidate.record.profile != profile or candidate.live_sections or self._is_live(candidate.session_id):
                continue
            free += 1
            if free > EMPTY_SESSIONS_KEPT:
                needless.append(candidate.session_id)
        for session_id in reversed(needless):  # the oldest first
            remove_if_empty(self._path(session_id))

    def _begin(self, record: SessionRecord, notices: Sequence[Notice]) -> ClaimedSession:
        from uuid import uuid4  # noqa: PLC0415 - asks the platform on import, and most starts make no new session

        session_id = str(uuid4())
        session = self._owned[session_id] = self._taker.take_new(session_id, record.profile)
        session.turn = self._order.turn_of(session_id, 0, self)
        with suppress(OSError, ValueError):  # a full disk does not cost the claim; the first save tells
            session.save_record(record, self._utc())
        return ClaimedSession(session_id=session_id, record=record, sections={}, fresh=True, notices=tuple(notices))

    @contextmanager
    def _saving(self, doing: str, session: OwnedSession) -> Iterator[None]:
        with store_errors(doing, session.path):
            try:
                yield
            except SessionTakenOver as error:
                raise lost(doing, session.path, error) from error
            except (TypeError, ValueError) as error:
                raise StoreError(f"cannot {doing}: {error}", hint="what was saved before is unharmed") from error

    def _session(self, session_id: str) -> OwnedSession:
        session = self._owned.get(session_id)
        if session is None:
            raise StoreError(f"session {session_id} is not owned by this process", hint="claim one first")
        return session

    def _is_live(self, session_id: str) -> bool:
        return session_id in self._owned or SessionLock(os.path.join(self._path(session_id), LOCK_NAME)).is_held()

    def _path(self, session_id: str) -> str:
        return os.path.join(self._root, session_id)
