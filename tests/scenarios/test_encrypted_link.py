"""A backend that takes encrypted links from clients it knows, and one that somebody has put in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keyring
import pytest
import zmq

from stui_supervisor import BackendError, KeyRefused, Notification, State, Supervisor
from stui_supervisor.adapters.keyring.credentials import KeyringClientKeys, KeyringCredentials
from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.backend import BackendSettings
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.profile import Profile
from stui_supervisor.security.curve import fingerprint
from stui_supervisor.security.secret import Secret
from tests.support.files.canary import CANARY
from tests.support.files.keyring_backends import InMemory
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.watching import LIMIT_S, next_of

TOKEN = Secret(CANARY)


@pytest.fixture(autouse=True)
def system_keyring() -> Iterator[InMemory]:
    before, one = keyring.get_keyring(), InMemory()
    keyring.set_keyring(one)
    yield one
    keyring.set_keyring(before)


def settle(home: Path, **settled: object) -> None:
    FileProfileStore(home / "profiles.json").change(
        "default",
        lambda known: replace(known or Profile(name="default"), **settled),  # type: ignore[arg-type]
    )


def guarded(tmp_path: Path, bind: str = "tcp://127.0.0.1:*", allowed: tuple[str, ...] = ()) -> BackendProcess:
    return BackendProcess(
        BackendSettings(
            bind=bind, curve_secret_file=tmp_path / "key", allowed_client_keys=allowed, token=TOKEN.reveal()
        )
    )


async def test_a_known_client_links_with_its_token_over_an_encrypted_link(tmp_path: Path) -> None:
    async with guarded(tmp_path) as backend:
        here, home = Endpoint.parse(backend.endpoint), tmp_path / "home"
        assert backend.curve_key is not None
        keys = KeyringClientKeys().read(here, backend.curve_key)
        KeyringCredentials().write(here, TOKEN)
        settle(home, uses_token=True, server_keys={str(here): backend.curve_key})
        backend.kill()
        backend.settings = replace(backend.settings, allowed_client_keys=(keys.public,))
        await backend.arestart()
        async with Supervisor(here, home=home) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"
            assert supervisor.status().credential_source == "keyring"
        files = [path for path in home.rglob("*") if path.is_file()]
        assert len(files) > 2
        for secret in (TOKEN, keys.secret):
            assert [path for path in files if secret.reveal().encode() in path.read_bytes()] == []


async def test_an_impostor_gets_no_token_and_a_person_hears_which_key_is_pinned(
    tmp_path: Path, system_keyring: InMemory
) -> None:
    pinned = zmq.curve_keypair()[0].decode()
    async with guarded(tmp_path) as impostor:
        home = tmp_path / "home"
        settle(home, server_keys={impostor.endpoint: pinned})
        async with Supervisor(impostor.endpoint, home=home) as supervisor:
            with pytest.raises(KeyRefused) as caught:
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert supervisor.state is State.DISCONNECTED
            assert "the backend does not have the pinned key" in caught.value.message
            assert fingerprint(pinned) in caught.value.message
            assert system_keyring.writes == 1

            assert impostor.curve_key is not None
            KeyringCredentials().write(Endpoint.parse(impostor.endpoint), TOKEN)
            settle(home, uses_token=True, server_keys={impostor.endpoint: impostor.curve_key})
            await supervisor.reconnect()
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)


async def test_a_client_that_the_backend_does_not_know_hears_which_key_to_have_allowed(tmp_path: Path) -> None:
    somebody = zmq.curve_keypair()[0].decode()
    async with guarded(tmp_path, allowed=(somebody,)) as backend:
        home = tmp_path / "home"
        assert backend.curve_key is not None
        settle(home, server_keys={backend.endpoint: backend.curve_key})
        async with Supervisor(backend.endpoint, home=home) as supervisor:
            with pytest.raises(KeyRefused, match="does not let us in") as caught:
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        ours = KeyringClientKeys().read(Endpoint.parse(backend.endpoint), backend.curve_key)
        assert ours.public in caught.value.message
        assert fingerprint(backend.curve_key) in caught.value.message


async def test_notifications_of_an_encrypted_backend_are_heard_encrypted(tmp_path: Path) -> None:
    settings = BackendSettings(
        bind="tcp://127.0.0.1:*", publish="tcp://127.0.0.1:*", curve_secret_file=tmp_path / "key"
    )
    async with BackendProcess(settings) as backend:
        settle(tmp_path / "home", server_keys={backend.endpoint: backend.curve_key})
        async with Supervisor(backend.endpoint, home=tmp_path / "home") as supervisor:
            stream = supervisor.events()
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            heard = asyncio.create_task(next_of(stream, Notification))
            async with asyncio.timeout(LIMIT_S):
                while not heard.done():  # what is published before the subscription is there is lost
                    with pytest.raises(BackendError):
                        await supervisor.request("evaluate", {"code": "3 zork"})
                    await asyncio.wait([heard], timeout=0.05)
            assert (await heard).topic == "errors"
