"""Another process has taken over the session of a program that runs: the work of both is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from stui_supervisor import SessionSwitched, State, StoreError
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.context.context import Section
from tests.support.files.stored_files import posix
from tests.support.programs.scenes import Scene, scene
from tests.support.programs.watching import next_of

pytestmark = posix  # elsewhere nobody can remove what is locked

OTHERS = {"workspaces": Section(b'["theirs"]', 9, "other")}


async def taken_over(there: Scene, root: Path) -> str:
    """Everything is saved; then the lock goes, and another process goes on with the session and ends."""
    there.supervisor.context["workspaces"] = ["both"]
    await there.supervisor.save()
    session_id = there.supervisor.status().session_id or ""
    (root / session_id / "lock").unlink()
    other = FileSessionStore(root)
    assert other.claim("default").session_id == session_id
    other.save_context(session_id, OTHERS)
    other.release(session_id)
    return session_id


def stored_work(root: Path) -> dict[str, bytes | None]:
    files = FileSessionStore(root)
    claimed = [files.claim("default") for _ in list(files.read_newest())]
    for one in claimed:
        files.release(one.session_id)
    return {one.session_id: one.sections["workspaces"].value for one in claimed if one.sections}


async def test_save_fails_in_words_once_and_the_work_goes_on_in_a_session_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "sessions"
    async with scene(State.CONNECTED, tmp_path) as there:
        lost = await taken_over(there, root)
        stream = there.supervisor.events()
        there.supervisor.context["workspaces"] = ["ours"]
        with pytest.raises(StoreError, match="another process has continued the session"):
            await there.supervisor.save()
        switched = await next_of(stream, SessionSwitched)
        await there.supervisor.save()
        status = there.supervisor.status()
        assert status.session_id == switched.session_id != lost
        assert (status.store_ok, dict(there.supervisor.context)) == (True, {"workspaces": ["ours"]})
    assert stored_work(root) == {lost: b'["theirs"]', switched.session_id: b'["ours"]'}


async def test_the_last_words_of_a_program_that_ends_are_kept_as_well(tmp_path: Path) -> None:
    root = tmp_path / "sessions"
    async with scene(State.CONNECTED, tmp_path) as there:
        lost = await taken_over(there, root)
        there.supervisor.context["workspaces"] = ["last words"]
        await there.supervisor.stop()
    work = stored_work(root)
    assert work.pop(lost) == b'["theirs"]'
    assert list(work.values()) == [b'["last words"]']
