"""A backend that wants a token: one attempt with a wrong one, then a person; nothing waits for a keyring."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from stui_supervisor import (
    AuthenticationFailed,
    CredentialError,
    Endpoint,
    NotSent,
    Secret,
    Settings,
    State,
    Supervisor,
    Trigger,
)
from stui_supervisor.backend import BackendSettings
from tests.support.files.canary import CANARY
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.scenes import scene
from tests.support.programs.watching import LIMIT_S, entering, until

TOKEN = CANARY


class Keyring:
    """Gives what it is told to: a token, nothing, or an error."""

    source = "keyring"

    def __init__(self, answer: str | CredentialError | None) -> None:
        self.answer = answer
        self.reads = 0

    def read(self, _endpoint: Endpoint) -> Secret | None:
        self.reads += 1
        if isinstance(self.answer, CredentialError):
            raise self.answer
        return Secret(self.answer) if self.answer else None


def guarded(tmp_path: Path) -> BackendProcess:
    return BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", token=TOKEN, executed_log=tmp_path / "executed"))


@pytest.mark.parametrize("wrong", ["not-the-token", None])
async def test_a_wrong_token_is_tried_once_and_the_right_one_works_without_a_restart(
    wrong: str | None, tmp_path: Path
) -> None:
    keyring = Keyring(wrong)
    async with (
        guarded(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home", credentials=keyring) as supervisor,
    ):
        with pytest.raises(AuthenticationFailed) as caught:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert supervisor.state is State.DISCONNECTED
        assert caught.value.hint == "give the right token, then reconnect"
        status = supervisor.status()
        assert (status.last_error, status.failure) == (caught.value.message, "authentication")
        with pytest.raises(AuthenticationFailed):  # it stays so until something changes
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert await supervisor.wait_for(State.DISCONNECTED) is State.DISCONNECTED
        with pytest.raises(NotSent):
            await supervisor.request("evaluate", {"code": "3 + 4"})
        assert [line["command"] for line in server.executed()] == ["ping"]
        assert keyring.reads == 1

        keyring.answer = TOKEN
        await supervisor.reconnect()
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert supervisor.status().credential_source == "keyring"
        assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"


async def test_a_token_that_is_taken_away_ends_the_next_link_not_this_one(tmp_path: Path) -> None:
    keyring = Keyring(TOKEN)
    async with (
        guarded(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home", credentials=keyring) as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        stream = supervisor.events()
        keyring.answer = "revoked"
        await supervisor.reconnect()
        assert (await entering(stream, State.DISCONNECTED)).trigger is Trigger.REJECTED


async def test_the_variable_gives_the_token_of_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUI_TOKEN", TOKEN)
    async with guarded(tmp_path) as server, Supervisor(server.endpoint, home=tmp_path / "home") as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert supervisor.status().credential_source == "environment"
        assert (await supervisor.request("ping"))["message"] == "pong"


async def test_no_file_and_no_text_ever_holds_the_token(tmp_path: Path) -> None:
    keyring = Keyring(TOKEN)
    async with (
        guarded(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home", credentials=keyring) as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        supervisor.context["workspaces"] = [1]
        await supervisor.save()
        assert TOKEN not in repr(supervisor) + repr(supervisor.status())
    written = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert len(written) > 2
    assert [path for path in written if TOKEN.encode() in path.read_bytes()] == []


async def test_a_keyring_that_cannot_be_read_is_asked_again_slowly(tmp_path: Path) -> None:
    keyring = Keyring(CredentialError("the keyring is locked", hint="unlock it"))
    async with (
        guarded(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home", credentials=keyring) as supervisor,
    ):
        await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
        assert "the keyring is locked: unlock it" in (supervisor.status().last_error or "")
        assert server.executed() == []
        keyring.answer = TOKEN
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)


async def test_a_keyring_that_hangs_fails_the_attempt_and_holds_up_nothing(tmp_path: Path) -> None:
    release = threading.Event()

    class Hanging(Keyring):
        def read(self, endpoint: Endpoint) -> Secret | None:
            release.wait()
            return super().read(endpoint)

    keyring = Hanging(None)
    supervisor = Supervisor(
        "tcp://127.0.0.1:5555",
        home=tmp_path,
        credentials=keyring,
        settings=Settings(credential_timeout_s=0.05),
    )
    try:
        async with supervisor:
            await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
            assert "the credential could not be read" in (supervisor.status().last_error or "")
    finally:
        release.set()
    assert supervisor.state is State.DISCONNECTED
    await until(lambda: keyring.reads == 1)  # it was not asked again on top


async def test_a_token_never_leaves_this_machine_in_the_clear(tmp_path: Path) -> None:
    async with scene(State.DISCONNECTED, tmp_path) as there:
        supervisor = Supervisor(
            "tcp://stui.example.invalid:5555", home=tmp_path, credentials=Keyring(TOKEN), link=there.peer
        )
        links = len(there.peer.links)
        async with supervisor:
            with pytest.raises(AuthenticationFailed, match="in the clear"):
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert len(there.peer.links) == links
