"""Which image answers, and whose session it gives back, told end to end with real sockets and real files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor import (
    DifferentImage,
    NotSent,
    SessionSwitched,
    Settings,
    State,
    Supervisor,
)
from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.profile import Profile
from tests.support.processes.strange_servers import Frames, ScriptedServer, failure, success
from tests.support.programs.watching import LIMIT_S, next_of, until

CYRILLIC = "Рабочий образ Смолток отдела расчётов "


class NumberedImage:
    """It numbers its sessions from 1, as a simple server does, and starts anew when it is restarted."""

    def __init__(self, image_id: object) -> None:
        self.image_id = image_id
        self.sessions: dict[str, dict[str, Any]] = {}
        self.ran: list[str] = []

    def answer(self, token: bytes, body: bytes) -> Iterable[Frames]:
        message = json.loads(body)
        return [(token, b"", self._reply(body, message["command"], message["parameters"]))]

    def _reply(self, body: bytes, command: str, given: dict[str, Any]) -> bytes:
        if command == "ping":
            return success(body, image_id=self.image_id)
        if command == "evaluate":
            self.ran.append(given["code"])
            return success(body, result=given["code"])
        if command == "create_session":
            made = f"session_{len(self.sessions) + 1}"
            self.sessions[made] = {"session_id": made, "client_id": given["client_id"], "session_state": {}}
            return success(body, **self.sessions[made])
        session = self.sessions.get(given.get("session_id", ""))
        if session is None:
            return failure(body, "SessionNotFound")
        if command == "update_session_state":
            session["session_state"] = given["state_data"]
        return success(body, **session)

    def works(self) -> list[set[str]]:
        """The names of the sections in each session."""
        return [set(session["session_state"]) - {"stui_supervisor"} for session in self.sessions.values()]


async def test_two_users_of_a_restarted_image_keep_their_own_work(tmp_path: Path) -> None:
    image = NumberedImage("Pharo 12.0")
    with ScriptedServer(image.answer) as server:
        alice, bob = (Supervisor(server.endpoint, home=tmp_path / name) for name in ("alice", "bob"))
        async with alice:
            await alice.wait_for(State.CONNECTED, timeout=LIMIT_S)
            async with bob:
                await bob.wait_for(State.CONNECTED, timeout=LIMIT_S)
                alice.context["of alice"] = 1
                bob.context["of bob"] = 2
                await until(lambda: image.works() == [{"of alice"}, {"of bob"}])
                server.stop()
                await alice.wait_for(State.RECOVERING, timeout=LIMIT_S)
                await bob.wait_for(State.RECOVERING, timeout=LIMIT_S)
                await alice.disconnect()  # so that the other one comes first
                image.sessions.clear()
                server.start()
                await bob.wait_for(State.CONNECTED, timeout=LIMIT_S)
                await alice.reconnect()
                await alice.wait_for(State.CONNECTED, timeout=LIMIT_S)
                await until(lambda: image.works() == [{"of bob"}, {"of alice"}])
                assert (set(alice.context), set(bob.context)) == ({"of alice"}, {"of bob"})


@pytest.mark.parametrize(
    ("one", "two"), [(CYRILLIC + "1", CYRILLIC + "2"), ("/srv/" + "x" * 300 + "1", "/srv/" + "x" * 300 + "2"), (7, "7")]
)
async def test_each_image_has_its_own_work_also_after_the_next_start(one: object, two: object, tmp_path: Path) -> None:
    image = NumberedImage(one)
    with ScriptedServer(image.answer) as server:
        async with Supervisor(server.endpoint, home=tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            supervisor.context["work"] = "of one"
            await supervisor.save()
            events = supervisor.events()
            server.stop()
            image.image_id, image.sessions = two, {}
            server.start()
            await next_of(events, SessionSwitched)
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert dict(supervisor.context) == {}
            supervisor.context["work"] = "of two"
        image.image_id, image.sessions = one, {}
        async with Supervisor(server.endpoint, home=tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert dict(supervisor.context) == {"work": "of one"}


@pytest.mark.parametrize("keeps_session", [True, False])
async def test_what_waits_for_one_image_does_not_run_in_another(keeps_session: bool, tmp_path: Path) -> None:
    image = NumberedImage("one")
    settings = Settings(keeps_session=keeps_session)
    with ScriptedServer(image.answer) as server:
        async with Supervisor(server.endpoint, home=tmp_path, settings=settings) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            server.stop()
            await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
            waiting = supervisor.request("evaluate", {"code": "for one"}, timeout=LIMIT_S)
            image.image_id = "two"
            server.start()
            with pytest.raises(NotSent, match="another image answers"):
                await waiting
            await supervisor.request("evaluate", {"code": "for two"}, timeout=LIMIT_S)
    assert image.ran == ["for two"]


@pytest.mark.parametrize(("image_id", "pin"), [(7, "8"), (CYRILLIC, "one"), ("x" * 300, "x" * 299), (None, "one")])
async def test_a_pinned_profile_takes_no_other_image_whatever_its_name(
    image_id: object, pin: str, tmp_path: Path
) -> None:
    FileProfileStore(tmp_path / "profiles.json").change("p", lambda _: Profile(name="p", pin_image=pin))
    image = NumberedImage(image_id)
    with ScriptedServer(image.answer) as server:
        async with Supervisor(server.endpoint, home=tmp_path, profile="p") as supervisor:
            with pytest.raises(DifferentImage):
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
    assert image.sessions == {}
