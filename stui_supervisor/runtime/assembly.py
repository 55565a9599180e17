"""Puts together the real adapters of one run. Each is imported when it is used."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from stui_supervisor.adapters.host.clock import SystemClock, directories, is_home_named
from stui_supervisor.adapters.host.network import HostNetwork
from stui_supervisor.adapters.keyring.credentials import KeyringClientKeys, KeyringCredentials
from stui_supervisor.adapters.sessions.no_disk import NoDisk
from stui_supervisor.config import SECRETS_MASKED, Settings
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError, StoreError
from stui_supervisor.ports import (
    ClientKeys,
    Clock,
    Credentials,
    Journal,
    Link,
    LinkFactory,
    LinkTimes,
    Lookout,
    NetworkWatch,
    ProfileStore,
    SessionStore,
    Subscription,
    SubscriptionFactory,
)
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.secret import Secret
from stui_supervisor.security.trust import ANYONE, Trust

if TYPE_CHECKING:
    from pathlib import Path

    from stui_supervisor.adapters.zmq.transport import ZmqTransport


class MakeLink(Protocol):
    """Makes the link of one attempt."""

    def __call__(self, endpoint: Endpoint, times: LinkTimes, curve: CurveKeys | None, trust: Trust = ANYONE, /) -> Link:
        """A new link, encrypted where there are keys, not yet opened."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Where secrets come from, and ``in_use``: those that were read last, for the log to mask."""

    credentials: Credentials
    client_keys: ClientKeys
    in_use: deque[Secret] = field(default_factory=lambda: deque(maxlen=SECRETS_MASKED))


@dataclass(frozen=True, slots=True)
class Adapters:
    """The adapters of one run.

    ``open_store`` and ``open_profiles`` are called in a thread of their own; ``close`` gives back what the links share.
    Without ``make_subscription`` there are no notifications, without ``make_lookout`` nobody looks whether a backend
    listens. ``place`` is the directory of the sessions, None without a disk.
    """

    clock: Clock
    make_link: MakeLink
    open_store: Callable[[], SessionStore]
    open_profiles: Callable[[], ProfileStore]
    journal: Journal | None
    keyring: Keyring
    close: Callable[[], None]
    network: NetworkWatch
    make_subscription: SubscriptionFactory | None = None
    make_lookout: Callable[[], Lookout] | None = None
    place: str | None = None


def assemble(
    settings: Settings,
    home: Path | str | None,
    credentials: Credentials | None,
    link: LinkFactory | None,
    used: set[str] | None = None,
) -> Adapters:
    """The adapters for the running event loop. Never fails because a directory is missing.

    ``used`` are the ids of the sessions that this supervisor has used in earlier runs; those of this run are added.
    """
    transport = _Transport()
    keyring = Keyring(credentials or KeyringCredentials(), KeyringClientKeys())
    is_zmq = link is None

    def put_together(
        open_store: Callable[[], SessionStore],
        open_profiles: Callable[[], ProfileStore],
        journal: Journal | None = None,
        place: str | None = None,
    ) -> Adapters:
        return Adapters(
            clock=SystemClock(),
            make_link=transport if link is None else without_keys(link),
            open_store=open_store,
            open_profiles=open_profiles,
            journal=journal,
            keyring=keyring,
            close=transport.close,
            network=HostNetwork(),
            make_subscription=transport.subscription if is_zmq else None,
            make_lookout=_lookout if is_zmq else None,
            place=place,
        )

    try:
        places = directories(home)
    except StoreError as error:
        no_disk = NoDisk(error, is_named=is_home_named(home))
        return put_together(lambda: no_disk, lambda: no_disk)

    def open_store() -> SessionStore:
        from stui_supervisor.adapters.sessions.store import FileSessionStore  # noqa: PLC0415  # off the loop

        if is_zmq:
            from stui_supervisor.adapters.zmq import link as zmq_link  # noqa: F401, PLC0415  # the loop finds it imported

        return FileSessionStore(places.sessions_root, used=used)

    def open_profiles() -> ProfileStore:
        from stui_supervisor.adapters.profiles.store import FileProfileStore  # noqa: PLC0415  # off the loop

        if home is None:
            return FileProfileStore(places.profiles)
        from stui_supervisor.adapters.host.command_lines import advised  # noqa: PLC0415  # off the loop

        return FileProfileStore(places.profiles, confirm=advised("profiles", "confirm", home=home))

    journal = None
    if settings.journal:
        from stui_supervisor.adapters.journal.journal import StructlogJournal  # noqa: PLC0415  # can be off

        journal = StructlogJournal(
            places.logs,
            settings,
            secrets=lambda: tuple(keyring.in_use),
            libzmq=_version_of_libzmq if is_zmq else lambda: None,
        )
    place = os.path.normpath(places.sessions_root)  # resolving would read the disk
    return put_together(open_store, open_profiles, journal, place)


def _version_of_libzmq() -> str:
    """Call it in a thread: the import may take long."""
    import zmq  # noqa: PLC0415  # off the loop

    return zmq.zmq_version()


def without_keys(link: LinkFactory) -> MakeLink:
    """Make links with the program's own factory, which takes no keys: an endpoint that needs some is refused.

    Where ``localhost`` leads to, and whose process listens at an IPC socket, is the program's own concern then.
    """

    def make_link(endpoint: Endpoint, times: LinkTimes, curve: CurveKeys | None, _trust: Trust = ANYONE, /) -> Link:
        if curve is not None:
            raise ConfigurationError(f"a key is pinned for {endpoint}, and links of the program's own take none")
        return link(endpoint, times)

    return make_link


def _lookout() -> Lookout:
    from stui_supervisor.adapters.zmq.lookout import SharedLookout  # noqa: PLC0415  # not needed while all goes well

    return SharedLookout()


class _Transport:
    """The ZeroMQ links and subscriptions; ZeroMQ itself is imported, and its thread started, with the first one."""

    def __init__(self) -> None:
        self._transport: ZmqTransport | None = None

    def __call__(self, endpoint: Endpoint, times: LinkTimes, curve: CurveKeys | None, trust: Trust = ANYONE, /) -> Link:
        """A new link, encrypted where there are keys, not yet opened."""
        return self._started()(endpoint, times, curve, trust)

    def subscription(
        self,
        endpoint: Endpoint,
        topics: tuple[str, ...],
        times: LinkTimes,
        curve: CurveKeys | None = None,
        trust: Trust = ANYONE,
    ) -> Subscription:
        """See ports.SubscriptionFactory."""
        return self._started().subscription(endpoint, topics, times, curve, trust)

    def _started(self) -> ZmqTransport:
        if self._transport is None:
            from stui_supervisor.adapters.zmq.transport import ZmqTransport  # noqa: PLC0415  # not needed before

            self._transport = ZmqTransport()
        return self._transport

    def close(self) -> None:
        """Let go of what was started."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
