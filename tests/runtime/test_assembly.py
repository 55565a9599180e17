from __future__ import annotations

import os
from pathlib import Path

import pytest

from stui_supervisor.adapters.journal.journal import StructlogJournal
from stui_supervisor.adapters.keyring.credentials import KeyringCredentials
from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.adapters.zmq import context as zmq_context
from stui_supervisor.adapters.zmq.link import ZmqLink
from stui_supervisor.adapters.zmq.subscription import ZmqSubscription
from stui_supervisor.config import Settings
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError, StoreError
from stui_supervisor.ports import LinkTimes
from stui_supervisor.profile import Profile
from stui_supervisor.runtime.assembly import assemble
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.secret import Secret
from stui_supervisor.session.records import SessionRecord
from stui_supervisor.testing import FakePeer

ENDPOINT = Endpoint("tcp", "127.0.0.1", 5555)
TIMES = LinkTimes(1.0, 10.0, 45.0)


async def test_by_default_it_is_zeromq_files_and_a_log_and_none_is_touched_yet(tmp_path: Path) -> None:
    adapters = assemble(Settings(), tmp_path / "home", None, None)
    assert isinstance(adapters.make_link(ENDPOINT, TIMES, None), ZmqLink)
    assert adapters.make_subscription is not None
    assert isinstance(adapters.make_subscription(ENDPOINT, (), TIMES), ZmqSubscription)
    assert isinstance(adapters.open_store(), FileSessionStore)
    assert isinstance(adapters.open_profiles(), FileProfileStore)
    assert isinstance(adapters.journal, StructlogJournal)
    assert isinstance(adapters.keyring.credentials, KeyringCredentials)
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # instant
    adapters.close()
    adapters.close()
    assert zmq_context._context is None


async def test_a_link_of_ones_own_starts_no_zeromq(tmp_path: Path) -> None:
    peer = FakePeer(lambda _body: None)
    adapters = assemble(Settings(), tmp_path, None, peer)
    assert adapters.make_link(ENDPOINT, TIMES, None) is peer.links[0]
    assert adapters.make_subscription is None
    assert zmq_context._context is None
    adapters.close()


async def test_a_link_of_ones_own_is_not_made_in_the_clear_where_a_key_is_pinned(tmp_path: Path) -> None:
    peer = FakePeer(lambda _body: None)
    adapters = assemble(Settings(), tmp_path, None, peer)
    with pytest.raises(ConfigurationError, match="a key is pinned"):
        adapters.make_link(ENDPOINT, TIMES, CurveKeys("server", "public", Secret("secret")))
    assert peer.links == []
    adapters.close()


async def test_the_log_can_be_left_out(tmp_path: Path) -> None:
    adapters = assemble(Settings(journal=False), tmp_path, None, None)
    assert adapters.journal is None
    adapters.close()


async def test_where_no_place_was_named_and_there_is_none_no_profile_is_settled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nowhere() -> None:
        raise RuntimeError("no home")

    monkeypatch.delenv("STUI_SUPERVISOR_HOME", raising=False)
    monkeypatch.setattr("stui_supervisor.adapters.host.clock._of_the_platform", nowhere)
    adapters = assemble(Settings(), None, None, None)
    assert adapters.open_profiles().read("work") == (Profile(name="work"), ())
    adapters.close()


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX systems has an account a name and a home")
async def test_without_any_place_for_files_every_call_of_the_stores_says_so() -> None:
    adapters = assemble(Settings(), "~no-such-account-here/home", None, None)
    store, profiles = adapters.open_store(), adapters.open_profiles()
    assert adapters.journal is None
    for call in (
        lambda: store.claim("default"),
        lambda: store.save_record("s", SessionRecord(profile="default")),
        lambda: store.save_context("s", {}),
        lambda: profiles.note_link("default", str(ENDPOINT), wanted=True),
        lambda: profiles.read("default"),
    ):
        with pytest.raises(StoreError, match="there is no directory for sessions and logs"):
            call()
    store.release("s")
    adapters.close()
