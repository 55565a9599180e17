"""A home and a keyring of version 0.1.0: whatever it stored, under whatever spelling, is found and goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import zmq

from stui_supervisor.adapters.keyring.credentials import KeyringClientKeys, KeyringCredentials
from stui_supervisor.adapters.keyring.items import SERVICE, KeyringItems
from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import NoteLink, OpenLink, ReadCredential, Save
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.machine.states import State
from stui_supervisor.security.secret import Secret
from tests.support.core.world import World, only
from tests.support.files.keyring_backends import InMemory

HOME = Path(__file__).parents[1] / "golden" / "home-0.1.0"
KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
PLACES = {
    "plain": "tcp://127.0.0.1:5701",
    "number": "tcp://127.0.0.1:5710",
    "v6": "tcp://[::1]:5702",
    "odd-v6": "tcp://[::1]:5703",
    "dot": "tcp://localhost:5704",
    "mapped": "tcp://127.0.0.1:5705",
    "hex": "tcp://127.0.0.1:5706",
    "slashes": "ipc:///tmp/stui-5707",
    "curve": "ipc:///tmp/stui curve",
}


class Home:
    """A copy of the home, with its keyring."""

    def __init__(self, path: Path) -> None:
        shutil.copytree(HOME, path)
        for entry in [path, *path.rglob("*")]:
            entry.chmod(0o700 if entry.is_dir() else 0o600)
        self.path = path
        self.backend = InMemory()
        self.before: dict[tuple[str, str], str] = {
            (service, name): text for service, name, text in json.loads((HOME / "keyring.json").read_text())
        }
        self.backend.items = dict(self.before)
        items = KeyringItems(lambda: self.backend)
        self.tokens, self.keys = KeyringCredentials(items), KeyringClientKeys(items)

    def start(self, profile: str) -> tuple[World, list[Any]]:
        """What a start of this profile does until the disk has answered."""
        found, notices = FileProfileStore(self.path / "profiles.json").read(profile)
        assert notices == ()
        world = World(profile=found)
        world.start()
        claimed = FileSessionStore(self.path / "sessions").claim(profile)
        assert (claimed.fresh, claimed.notices) == (False, ())
        return world, world.loaded(claimed)

    def own_key(self, name: str) -> str:
        return self.before[SERVICE, f"{name} curve"]

    def gives(self, world: World, asked: ReadCredential) -> list[Any]:
        """The keyring's answer to the core."""
        token = self.tokens.read(asked.endpoint) if asked.with_token else None
        curve = self.keys.read(asked.endpoint, asked.server_key) if asked.server_key else None
        return world.tell(inputs.CredentialRead(asked.link, token, "keyring", curve))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.mark.parametrize("profile", PLACES)
def test_a_start_goes_on_with_the_work_the_token_the_pin_and_our_own_key(profile: str, home: Home) -> None:
    world, effects = home.start(profile)
    assert dict(world.context) == {"work": {"of": profile}}
    (asked,) = only(ReadCredential, effects)
    is_pinned = profile not in {"plain", "number"}
    assert (str(asked.endpoint), asked.server_key) == (PLACES[profile], KEY if is_pinned else None)
    (opened,) = only(OpenLink, home.gives(world, asked))
    attempt = world.core._leaves.attempt
    assert attempt.secret == Secret(f"token of the profile {profile}")
    if is_pinned and profile != "curve":
        assert opened.curve is not None
        (stored,) = json.loads((HOME / "profiles.json").read_text().partition("\n")[2])["profiles"][profile]["recent"]
        own = home.own_key(stored)
        assert opened.curve == (KEY, zmq.curve_public(own.encode()).decode(), Secret(own))


@pytest.mark.parametrize("profile", PLACES)
def test_what_was_found_is_written_under_the_one_spelling(profile: str, home: Home) -> None:
    world, effects = home.start(profile)
    (asked,) = only(ReadCredential, effects)
    home.gives(world, asked)
    new = PLACES[profile]
    assert home.tokens.read(Endpoint.stored(new)) == Secret(f"token of the profile {profile}")
    assert {name: text for name, text in home.backend.items.items() if name in home.before} == home.before
    effects = world.link(world.record.image_id)
    assert world.state is State.CONNECTED
    assert only(Save, effects)[-1].record.endpoint == new
    file = FileProfileStore(home.path / "profiles.json")
    for link in only(NoteLink, effects):
        file.note_link(link.profile, link.endpoint, wanted=link.wanted, stored_as=link.stored_as)
    after, _ = file.read(profile)
    assert after.recent == (new,)
    assert list(after.server_keys) in ([], [new])
    assert list(after.endpoints) in ([], [new])


def test_a_relative_path_waits_and_takes_everything_over_when_it_is_named_where_it_means_that(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, effects = home.start("relative")
    assert (world.state, only(OpenLink, effects), only(ReadCredential, effects)) == (State.DISCONNECTED, [], [])
    monkeypatch.chdir(tmp_path)
    (asked,) = only(ReadCredential, world.tell(inputs.Connect(Endpoint.parse(f"ipc://{tmp_path.resolve()}/stui.sock"))))
    (opened,) = only(OpenLink, home.gives(world, asked))
    assert world.core._leaves.attempt.secret == Secret("token of the profile relative")
    assert opened.curve is not None
    assert opened.curve.secret == Secret(home.own_key("ipc://stui.sock"))
    assert dict(world.context) == {"work": {"of": "relative"}}
    (link,) = only(NoteLink, world.link("image of relative"))
    file = FileProfileStore(home.path / "profiles.json")
    file.note_link(link.profile, link.endpoint, wanted=link.wanted, stored_as=link.stored_as)
    after, _ = file.read("relative")
    assert (after.recent, after.endpoints, after.server_keys) == (
        (link.endpoint,),
        (link.endpoint,),
        {link.endpoint: KEY},
    )
    monkeypatch.chdir("/")
    later = Endpoint.stored(f"ipc://{tmp_path.resolve()}/stui.sock")
    assert home.tokens.read(later) == Secret("token of the profile relative")
    assert home.keys.read(later, KEY).secret == opened.curve.secret


def test_named_in_another_directory_it_is_another_endpoint_without_the_token(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = home.start("relative")
    monkeypatch.chdir("/")
    (asked,) = only(ReadCredential, world.tell(inputs.Connect(Endpoint.parse(f"ipc://{tmp_path.resolve()}/stui.sock"))))
    home.gives(world, asked)
    assert (world.core._leaves.attempt.secret, asked.server_key) == (None, KEY)


def test_our_key_is_no_token_and_a_token_is_no_key_of_ours(home: Home) -> None:
    other, named_alike = Endpoint.parse("ipc:///tmp/other"), Endpoint.parse("ipc:///tmp/other curve")
    assert home.tokens.read(named_alike) is None
    assert home.keys.read(other, KEY).secret == Secret(home.own_key("ipc:///tmp/other"))
    made = home.keys.read(Endpoint.parse("ipc:///tmp/stui"), KEY)
    assert made.secret != Secret("token of the profile curve")
    assert home.tokens.write(named_alike, Secret("a token of some length"))
    assert home.keys.read(other, KEY).secret == Secret(home.own_key("ipc:///tmp/other"))
    assert home.tokens.read(named_alike) == Secret("a token of some length")


@pytest.mark.parametrize("profile", PLACES)
def test_a_token_that_is_taken_away_is_gone_under_every_name(profile: str, home: Home) -> None:
    _, effects = home.start(profile)
    (asked,) = only(ReadCredential, effects)
    assert home.tokens.delete(asked.endpoint)
    assert home.tokens.read(asked.endpoint) is None
    assert not home.tokens.delete(asked.endpoint)
    assert [text for text in home.backend.items.values() if text == f"token of the profile {profile}"] == []
