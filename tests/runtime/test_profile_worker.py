from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from stui_supervisor.config import PROFILE_LOOK_WAIT_S
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import NoteLink, ReadProfile
from stui_supervisor.core.inputs import Input, ProfileChanged, ProfileFailed, ProfileRead
from stui_supervisor.errors import StoreError
from stui_supervisor.ports import ProfileStore
from stui_supervisor.profile import Profile
from stui_supervisor.runtime import profile_worker
from stui_supervisor.runtime.profile_worker import ProfileWorker
from stui_supervisor.testing import MemoryProfiles
from tests.support.programs.watching import until

LIMIT_S = 10.0
LOOK_S = 0.02
FULL = StoreError("the disk is full", hint="make room")
WORK = Profile(name="work")


class Life:
    """A thread for these profiles, and what it says, in order."""

    def __init__(self, open_profiles: Callable[[], ProfileStore]) -> None:
        self.fed: asyncio.Queue[Input] = asyncio.Queue()
        self.hear: Callable[[Input], None] = self.fed.put_nowait
        self.thread = ProfileWorker(open_profiles, lambda event: self.hear(event))  # noqa: PLW0108  # a test replaces it

    async def next(self) -> Input:
        async with asyncio.timeout(LIMIT_S):
            return await self.fed.get()

    async def nothing_comes(self) -> None:
        """Some looks later nothing was said."""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5 * LOOK_S):
                await self.fed.get()


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_worker, "PROFILE_LOOK_S", LOOK_S)


async def test_a_profile_is_read_and_a_link_that_is_noted_has_no_answer() -> None:
    profiles = MemoryProfiles()
    life = Life(lambda: profiles)
    for call in (ReadProfile(1, "work"), NoteLink("work", "a", wanted=True), ReadProfile(2, "work")):
        life.thread.do(call)
    assert [await life.next(), await life.next()] == [
        ProfileRead(1, WORK, ()),
        ProfileRead(2, Profile(name="work", recent=("a",)), ()),
    ]
    life.thread.close()


async def test_the_wish_is_noted_without_an_endpoint() -> None:
    profiles = MemoryProfiles()
    life = Life(lambda: profiles)
    life.thread.do(NoteLink("work", None, wanted=False))
    await life.thread.rest()
    assert profiles.profiles == {"work": Profile(name="work", wanted=False)}
    life.thread.close()


async def test_a_profile_that_cannot_be_read_is_answered_and_a_link_that_cannot_be_noted_is_not() -> None:
    profiles = MemoryProfiles(failure=FULL)
    life = Life(lambda: profiles)
    life.thread.do(NoteLink("work", "a", wanted=True))
    life.thread.do(ReadProfile(1, "work"))
    assert await life.next() == ProfileFailed(1, FULL)
    assert life.fed.empty()
    life.thread.close()


async def test_whatever_a_store_raises_the_profile_is_not_known_then() -> None:
    def broken() -> ProfileStore:
        raise ZeroDivisionError("odd")

    life = Life(broken)
    life.thread.do(ReadProfile(1, "work"))
    answer = await life.next()
    assert isinstance(answer, ProfileFailed)
    assert str(answer.error) == "ZeroDivisionError: odd"
    life.thread.close()


@pytest.mark.parametrize("is_read_first", [True, False], ids=["read", "only watched"])
async def test_a_change_is_told_once(is_read_first: bool) -> None:
    profiles = MemoryProfiles()
    life = Life(lambda: profiles)
    if is_read_first:
        life.thread.do(ReadProfile(1, "work"))
        assert isinstance(await life.next(), inputs.ProfileRead)
    life.thread.watch.begin()
    await life.nothing_comes()
    profiles.profiles["work"] = Profile(name="work", pin_image="one")
    assert await life.next() == ProfileChanged()
    await life.nothing_comes()
    life.thread.close()


async def test_without_a_wish_for_a_link_nobody_looks_until_there_is_one_again() -> None:
    profiles = MemoryProfiles()
    life = Life(lambda: profiles)
    life.thread.watch.begin()
    life.thread.do(ReadProfile(1, "work"))
    await life.next()
    life.thread.watch.end()
    profiles.profiles["work"] = Profile(name="work", pin_image="one")
    await life.nothing_comes()
    assert life.thread._worker._thread is None
    life.thread.watch.begin()
    assert await life.next() == ProfileChanged()
    life.thread.close()


async def test_what_could_not_be_read_is_read_again_at_the_next_look_though_nobody_has_changed_it() -> None:
    profiles = MemoryProfiles()
    life = Life(lambda: profiles)
    life.thread.do(ReadProfile(1, "work"))
    await life.next()
    profiles.profiles["work"] = Profile(name="work", pin_image="one")
    profiles.failure = FULL
    life.thread.do(ReadProfile(2, "work"))
    assert await life.next() == ProfileFailed(2, FULL)
    profiles.failure = None
    life.thread.watch.begin()
    assert await life.next() == ProfileChanged()
    life.thread.close()


async def test_before_a_new_link_what_has_changed_is_told_and_read() -> None:
    profiles = MemoryProfiles()
    life = Life(lambda: profiles)
    life.thread.do(ReadProfile(1, "work"))
    await life.next()
    gone_on = asyncio.Event()
    life.thread.watch.before_link(gone_on.set)
    async with asyncio.timeout(LIMIT_S):
        await gone_on.wait()
    assert life.fed.empty()
    profiles.profiles["work"] = Profile(name="work", pin_image="one")
    heard = list[Input]()

    def hear(event: Input) -> None:
        heard.append(event)
        if event == ProfileChanged():
            life.thread.do(ReadProfile(2, "work"))

    life.hear = hear
    gone_on.clear()
    life.thread.watch.before_link(gone_on.set)
    async with asyncio.timeout(LIMIT_S):
        await gone_on.wait()
    assert heard == [ProfileChanged(), ProfileRead(2, Profile(name="work", pin_image="one"), ())]
    life.thread.close()


async def test_a_new_link_does_not_wait_for_a_look_that_hangs() -> None:
    let_go = threading.Event()

    class Hanging(MemoryProfiles):
        def signature(self) -> object:
            return let_go.wait(LIMIT_S)

    life, gone_on = Life(Hanging), list[float]()
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    began = loop.time()
    life.thread.watch.before_link(lambda: gone_on.append(loop.time() - began))
    await until(lambda: gone_on)
    let_go.set()
    life.thread._worker.post(lambda: loop.call_soon_threadsafe(ended.set))  # behind the look that hung
    async with asyncio.timeout(LIMIT_S):
        await ended.wait()
    assert len(gone_on) == 1
    assert gone_on[0] >= PROFILE_LOOK_WAIT_S - 0.01
    life.thread.close()


async def test_a_profile_that_hangs_is_not_asked_on_top_and_holds_up_no_end() -> None:
    let_go, reads = threading.Event(), []

    class Hanging(MemoryProfiles):
        def read(self, name: str) -> tuple[Profile, tuple[()]]:
            reads.append(name)
            let_go.wait(LIMIT_S)
            return Profile(name=name), ()

    life = Life(Hanging)
    life.thread.do(ReadProfile(1, "work"))
    life.thread.watch.begin()
    hanging = life.thread._worker._thread
    assert hanging is not None
    life.thread.close()
    await life.thread.rest()
    let_go.set()
    hanging.join(LIMIT_S)
    assert (reads, life.fed.empty()) == (["work"], True)
