"""One profile, two backends: where the link goes when the first dies for good, and which image it accepts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from stui_supervisor import (
    AttemptScheduled,
    BackendVerdict,
    DifferentImage,
    NotSent,
    SessionSwitched,
    State,
    Supervisor,
)
from stui_supervisor.adapters.profiles.repair import confirm
from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.backend import BackendSettings
from stui_supervisor.profile import Profile
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.watching import LIMIT_S, entering, next_of, until

WORK = [{"name": "Main", "text": "3 + 4"}]


def backend(image_id: str = "one") -> BackendProcess:
    return BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", image_id=image_id))


def settle(home: Path, profile: Profile) -> None:
    FileProfileStore(home / "profiles.json").change(profile.name, lambda _: profile)


def recent(home: Path) -> tuple[str, ...]:
    return FileProfileStore(home / "profiles.json").read("work")[0].recent


def work(*backends: BackendProcess, failover: bool = False, pin_image: str | None = None) -> Profile:
    endpoints = tuple(one.endpoint for one in backends)
    return Profile(name="work", endpoints=endpoints, failover=failover, pin_image=pin_image)


async def connected(supervisor: Supervisor) -> str | None:
    await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
    return supervisor.status().endpoint


async def test_when_the_first_dies_for_good_the_link_and_the_work_go_on_at_the_second(tmp_path: Path) -> None:
    async with backend() as first, backend() as second:
        settle(tmp_path, work(first, second, failover=True))
        async with Supervisor(profile="work", home=tmp_path) as supervisor:
            events = supervisor.events()
            assert await connected(supervisor) == first.endpoint
            supervisor.context["workspaces"] = WORK
            first.kill()
            await entering(events, State.RECOVERING)
            waiting = asyncio.create_task(supervisor.request("evaluate", {"code": "1"}))
            there = await entering(events, State.CONNECTED)
            assert (there.endpoint, supervisor.status().endpoint) == (second.endpoint, second.endpoint)
            with pytest.raises(NotSent, match="another endpoint"):
                await waiting
            assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"
            assert dict(supervisor.context) == {"workspaces": WORK}
        async with Supervisor(profile="work", home=tmp_path) as supervisor:  # the last-known-good one comes first
            assert await connected(supervisor) == second.endpoint
            assert supervisor.status().backend_verdict is BackendVerdict.RESUMED
            assert dict(supervisor.context) == {"workspaces": WORK}
        assert recent(tmp_path) == (second.endpoint, first.endpoint)


async def test_without_failover_it_keeps_trying_the_first(tmp_path: Path) -> None:
    async with backend() as first, backend() as second:
        settle(tmp_path, work(first, second))
        async with Supervisor(profile="work", home=tmp_path) as supervisor:
            assert await connected(supervisor) == first.endpoint
            events = supervisor.events()
            first.kill()
            for _ in range(2):  # after the loss, and after an attempt that was refused: it waits for whoever listens
                await next_of(events, AttemptScheduled)
                assert supervisor.status().endpoint == first.endpoint
            await first.arestart()
            assert (await entering(events, State.CONNECTED)).endpoint == first.endpoint
    assert recent(tmp_path) == (first.endpoint,)


async def test_a_first_start_finds_the_one_that_listens(tmp_path: Path) -> None:
    async with backend() as dead, backend() as second:
        dead.kill()
        settle(tmp_path, work(dead, second, failover=True))
        async with Supervisor(profile="work", home=tmp_path) as supervisor:
            assert await connected(supervisor) == second.endpoint


async def test_another_image_at_the_second_has_its_own_work_and_the_first_finds_its_own_again(tmp_path: Path) -> None:
    async with backend("one") as first, backend("two") as second:
        settle(tmp_path, work(first, second, failover=True))
        async with Supervisor(profile="work", home=tmp_path) as supervisor:
            events = supervisor.events()
            await connected(supervisor)
            supervisor.context["workspaces"] = WORK
            first.kill()
            assert (await next_of(events, SessionSwitched)).image_id == "two"
            await entering(events, State.CONNECTED)
            assert (supervisor.status().endpoint, dict(supervisor.context)) == (second.endpoint, {})
            await first.arestart()
            second.kill()
            assert (await entering(events, State.CONNECTED)).endpoint == first.endpoint
            assert dict(supervisor.context) == {"workspaces": WORK}


async def test_an_image_that_the_profile_does_not_pin_is_rejected_until_that_is_changed(tmp_path: Path) -> None:
    async with backend("two") as server:
        profile = work(server, pin_image="one")
        settle(tmp_path, profile)
        async with Supervisor(profile="work", home=tmp_path) as supervisor:
            with pytest.raises(DifferentImage, match="'two', not 'one'"):
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            status = supervisor.status()
            assert (status.state, status.endpoint) == (State.DISCONNECTED, server.endpoint)
            assert "change the profile's pin" in status.summary
            settle(tmp_path, replace(profile, pin_image="two"))
            await supervisor.reconnect()
            assert await connected(supervisor) == server.endpoint


async def test_a_pinned_image_that_is_replaced_by_another_is_noticed_on_the_next_link(tmp_path: Path) -> None:
    async with backend("one") as server:
        settle(tmp_path, work(server, pin_image="one"))
        async with Supervisor(profile="work", home=tmp_path) as supervisor:
            await connected(supervisor)
            server.settings = replace(server.settings, image_id="two")
            await server.arestart()
            with pytest.raises(DifferentImage):
                await supervisor.wait_for(State.RESTORING, timeout=LIMIT_S)


async def test_a_broken_profile_file_keeps_the_link_away_until_a_person_has_decided(tmp_path: Path) -> None:
    (tmp_path / "profiles.json").mkdir()
    async with backend() as server, Supervisor(server.endpoint, profile="work", home=tmp_path) as supervisor:
        await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
        assert supervisor.status().failure == "profile_not_readable"
        confirm(FileProfileStore(tmp_path / "profiles.json"), "work")
        assert await connected(supervisor) == server.endpoint
        await until(lambda: recent(tmp_path) == (server.endpoint,))
