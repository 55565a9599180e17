"""What the store's thread does: each effect is one call of the session store, and its answer an input of the core."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Load, Release, Save, SaveSnapshot
from stui_supervisor.core.inputs import Input
from stui_supervisor.errors import StoreError
from stui_supervisor.ports import SessionStore

StoreEffect = Load | Save | SaveSnapshot | Release


class StoreCalls:
    """Calls the store that ``open_store`` opens with the first call. Never raises."""

    def __init__(self, open_store: Callable[[], SessionStore]) -> None:
        self._open_store = open_store
        self._store: SessionStore | None = None

    def sign_of_life(self) -> None:
        """Let the disk show that this process lives, if it has a session."""
        with contextlib.suppress(Exception):  # what is wrong with a store is told where it is to save
            if self._store is not None:
                self._store.sign_of_life()

    def answer(self, effect: StoreEffect) -> Input | None:
        """Carry it out; None where the core needs no answer."""
        try:
            store = self._store = self._store or self._open_store()
            match effect:
                case Load(load, profile, image, is_new):
                    claim = store.claim_new if is_new else store.claim
                    return inputs.Loaded(load, claim(profile, image))
                case Save(session_id, record, sections):
                    store.save_record(session_id, record)
                    saved = None if sections is None else store.save_context(session_id, sections)
                    return inputs.Saved(session_id, saved)
                case SaveSnapshot(session_id, sections):
                    store.save_snapshot(session_id, sections)
                case Release(session_id):
                    store.release(session_id)
        except StoreError as error:
            return failed(effect, error)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a store, the supervision goes on in memory
            return failed(effect, StoreError(f"the session store failed: {type(error).__name__}: {error}"))
        return None


def failed(effect: StoreEffect, error: StoreError) -> Input | None:
    """The answer of a call that failed; None where the core needs none."""
    match effect:
        case Load(load):
            return inputs.LoadFailed(load, error)
        case Save(session_id):
            return inputs.SaveFailed(session_id, error)
        case SaveSnapshot(session_id, sections):
            return inputs.SnapshotFailed(error, session_id, sections)
        case _:  # a session is given back all the same
            return None
