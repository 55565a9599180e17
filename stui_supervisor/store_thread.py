"""The stores behind one thread of their own: calls go in, in order; answers come back as inputs of the core."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from stui_supervisor import inputs
from stui_supervisor.adapters.worker import Worker
from stui_supervisor.config import THREAD_END_S
from stui_supervisor.effects import Load, NoteLink, ReadProfile, Release, Save, SaveSnapshot
from stui_supervisor.errors import StoreError
from stui_supervisor.inputs import Input
from stui_supervisor.ports import ProfileStore, SessionStore

_StoreEffect = Load | Save | SaveSnapshot | Release | ReadProfile | NoteLink


class StoreThread:
    """Carries out what concerns sessions and profiles, one after the other, off the loop."""

    def __init__(
        self,
        open_store: Callable[[], SessionStore],
        open_profiles: Callable[[], ProfileStore],
        feed: Callable[[Input], None],
    ) -> None:
        self._open_store = open_store
        self._open_profiles = open_profiles
        self._store: SessionStore | None = None
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._worker = Worker("stui-store")
        self._pending = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def do(self, effect: _StoreEffect) -> None:
        """Queue one call."""
        self._pending += 1
        self._idle.clear()
        try:
            self._worker.post(lambda: self._run(effect))
        except RuntimeError as error:
            no_thread = StoreError(f"no thread to be had for the disk: {error}")
            self._loop.call_soon(self._answered, _failed(effect, no_thread))

    async def drained(self) -> None:
        """Wait until every call has been answered, and its answer has led to no other."""
        await self._idle.wait()

    def close(self) -> None:
        """Let the thread end. One that hangs is left to itself: what it answers later concerns nobody any more."""
        self._closed = True
        self._worker.close(THREAD_END_S if self._idle.is_set() else 0.0)

    def _run(self, effect: _StoreEffect) -> None:
        """Runs in the thread."""
        answer = self._call(effect)
        if self._closed:
            if isinstance(answer, inputs.Loaded):
                self._call(Release(answer.claimed.session_id))
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._answered, answer)

    def _answered(self, answer: Input | None) -> None:
        self._pending -= 1
        if self._closed:
            return
        try:
            if answer is not None:
                self._feed(answer)
        finally:
            if not self._pending:
                self._idle.set()

    def _call(self, effect: _StoreEffect) -> Input | None:
        try:
            if isinstance(effect, ReadProfile | NoteLink):
                return _call_profiles(self._open_profiles(), effect)
            store = self._store = self._store or self._open_store()
            match effect:
                case Load(load, profile, image_id):
                    return inputs.Loaded(load, store.claim(profile, image_id))
                case Save(session_id, record, sections):
                    store.save_record(session_id, record)
                    saved = None if sections is None else store.save_context(session_id, sections)
                    return inputs.Saved(session_id, saved)
                case SaveSnapshot(session_id, sections):
                    store.save_snapshot(session_id, sections)
                case Release(session_id):
                    store.release(session_id)
        except StoreError as error:
            return _failed(effect, error)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a store, the supervision goes on in memory
            return _failed(effect, StoreError(f"the session store failed: {type(error).__name__}: {error}"))
        return None


def _call_profiles(profiles: ProfileStore, effect: ReadProfile | NoteLink) -> Input | None:
    if isinstance(effect, ReadProfile):
        return inputs.ProfileRead(effect.read, *profiles.read(effect.name))
    profiles.note_link(effect.profile, effect.endpoint, effect.stored_as)
    return None


def _failed(effect: _StoreEffect, error: StoreError) -> Input | None:
    match effect:
        case Load(load):
            return inputs.LoadFailed(load, error)
        case Save(session_id):
            return inputs.SaveFailed(session_id, error)
        case SaveSnapshot():
            return inputs.SnapshotFailed(error)
        case ReadProfile(read):
            return inputs.ProfileFailed(read, error)
        case _:  # a session is given back all the same; a recent endpoint is a courtesy
            return None
