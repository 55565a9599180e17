from __future__ import annotations

import pytest
import zmq
from keyring.backends import fail
from keyring.errors import KeyringLocked

from stui_supervisor.adapters.keyring.credentials import KeyringClientKeys, KeyringCredentials
from stui_supervisor.adapters.keyring.items import SERVICE, KeyringItems
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import CredentialError
from stui_supervisor.security.secret import Secret
from tests.support.files.keyring_backends import InMemory

HERE = Endpoint.parse("tcp://127.0.0.1:5555")
THERE = Endpoint.parse("tcp://127.0.0.1:5556")
SERVER = zmq.curve_keypair()[0].decode()


class Locked(InMemory):
    def get_password(self, *_: str) -> str | None:
        raise KeyringLocked


@pytest.fixture
def backend() -> InMemory:
    return InMemory()


@pytest.fixture
def keys(backend: InMemory) -> KeyringClientKeys:
    return KeyringClientKeys(KeyringItems(lambda: backend))


def test_a_pair_is_made_for_each_endpoint_once(keys: KeyringClientKeys, backend: InMemory) -> None:
    first, again, other = keys.read(HERE, SERVER), keys.read(HERE, SERVER), keys.read(THERE, SERVER)
    assert first == again != other
    assert first.server == SERVER
    assert zmq.curve_public(first.secret.reveal().encode()).decode() == first.public
    assert set(backend.items) == {(SERVICE, f"curve {HERE}"), (SERVICE, f"curve {THERE}")}
    assert backend.writes == 2


def test_the_pair_and_the_token_of_an_endpoint_are_items_of_their_own(
    keys: KeyringClientKeys, backend: InMemory
) -> None:
    tokens = KeyringCredentials(KeyringItems(lambda: backend))
    tokens.write(HERE, Secret("a token of some length"))
    pair = keys.read(HERE, SERVER)
    tokens.delete(HERE)
    assert keys.read(HERE, SERVER) == pair


def test_the_secret_key_is_not_shown(keys: KeyringClientKeys) -> None:
    pair = keys.read(HERE, SERVER)
    assert pair.secret.reveal() not in repr(pair) + str(pair)


def test_a_pinned_key_that_is_none_is_told_before_a_pair_is_made(keys: KeyringClientKeys, backend: InMemory) -> None:
    with pytest.raises(CredentialError, match=r"the key pinned for tcp://.* is no CURVE key"):
        keys.read(HERE, "no key")
    assert backend.items == {}


def test_something_else_in_the_place_of_our_key_is_told_and_stays(keys: KeyringClientKeys, backend: InMemory) -> None:
    backend.items[SERVICE, f"{HERE} curve"] = "something else"
    with pytest.raises(CredentialError, match="what the keyring holds for this link is no CURVE key"):
        keys.read(HERE, SERVER)
    assert backend.writes == 0


def test_an_ipc_endpoint_whose_token_has_the_old_name_of_a_key_gets_one_of_its_own(
    keys: KeyringClientKeys, backend: InMemory
) -> None:
    path = Endpoint.parse("ipc:///run/stui")
    backend.items[SERVICE, f"{path} curve"] = "the token of another endpoint"
    pair = keys.read(path, SERVER)
    assert backend.items == {
        (SERVICE, f"{path} curve"): "the token of another endpoint",
        (SERVICE, f"curve {path}"): pair.secret.reveal(),
    }


@pytest.mark.parametrize("broken", [CredentialError("the keyring is locked"), None])
def test_what_cannot_be_kept_under_the_new_name_is_used_all_the_same(broken: CredentialError | None) -> None:
    class ReadOnly(InMemory):
        def set_password(self, *_: str) -> None:
            raise broken or KeyringLocked

    backend = ReadOnly()
    named = Endpoint.stored("tcp://[0::1]:5555")
    key = zmq.curve_keypair()[1].decode()
    backend.items = {(SERVICE, "tcp://[0::1]:5555"): "a token", (SERVICE, "tcp://[0::1]:5555 curve"): key}
    items = KeyringItems(lambda: backend)
    assert KeyringCredentials(items).read(named) == Secret("a token")
    assert KeyringClientKeys(items).read(named, SERVER).secret == Secret(key)


@pytest.mark.parametrize(
    ("text", "earlier"),
    [
        ("tcp://image.example:1", "tcp://image.example.:1"),
        ("tcp://[::1]:1", "tcp://[0000:0000:0000:0000:0000:0000:0000:0001]:1"),
        ("tcp://[::1]:1", "tcp://[0:0:0:0:0:0:0:1]:1"),
        ("tcp://[::1]:1", "tcp://[::0001]:1"),
        ("tcp://[::1]:1", "tcp://[0:0::1]:1"),
        ("tcp://[fe80::1%lo]:1", "tcp://[fe80:0::1%lo]:1"),
        ("tcp://[::1]:1", "tcp://[0::0:1]:1"),
        ("tcp://[::]:1", "tcp://[0::0]:1"),
        ("ipc:///run//stui/./s", "ipc:///run//stui/./s"),
        ("tcp://[fe80::20:1]:1", "tcp://[fe80::0020:0001]:1"),
        ("ipc:///run/stui", "ipc:///run/./stui"),
        ("ipc:///run/stui", "ipc:///run//stui"),
        ("tcp://127.0.0.1:1", "tcp://[::ffff:127.0.0.1]:1"),
        ("tcp://127.0.0.1:1", "tcp://[::ffff:7f00:1]:1"),
    ],
)
def test_a_token_under_a_usual_other_spelling_is_found_though_nothing_else_was_stored(
    text: str, earlier: str, backend: InMemory
) -> None:
    backend.items[SERVICE, earlier] = "a token"
    assert KeyringCredentials(KeyringItems(lambda: backend)).read(Endpoint.parse(text)) == Secret("a token")
    assert backend.items[SERVICE, str(Endpoint.parse(text))] == "a token"


def test_the_token_goes_under_every_relative_path_that_may_have_been_typed_for_it_and_no_other_token_does(
    backend: InMemory,
) -> None:
    for name in ("ipc:///run/stui/s", "ipc://s", "ipc://./stui/s"):
        backend.items[SERVICE, name] = "a token"
    backend.items[SERVICE, "ipc://stui/s"] = "of another socket"
    assert KeyringCredentials(KeyringItems(lambda: backend)).delete(Endpoint.parse("ipc:///run/stui/s"))
    assert backend.items == {(SERVICE, "ipc://stui/s"): "of another socket"}


def test_where_there_is_no_keyring_a_pair_serves_one_run() -> None:
    def of_a_run() -> KeyringClientKeys:
        return KeyringClientKeys(KeyringItems(fail.Keyring))

    run, next_run = of_a_run(), of_a_run()
    first, other = run.read(HERE, SERVER), run.read(THERE, SERVER)
    assert run.read(HERE, SERVER) == first
    assert len({first, other, next_run.read(HERE, SERVER)}) == 3


def test_a_locked_keyring_is_told_without_the_way_out_that_is_for_tokens() -> None:
    keys = KeyringClientKeys(KeyringItems(Locked))
    with pytest.raises(CredentialError) as failed:
        keys.read(HERE, SERVER)
    assert str(failed.value) == "the keyring is locked: unlock it"


def test_a_libzmq_that_cannot_encrypt_is_told(keys: KeyringClientKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zmq, "has", lambda capability: capability != "curve")
    with pytest.raises(CredentialError, match="this libzmq cannot encrypt"):
        keys.read(HERE, SERVER)
