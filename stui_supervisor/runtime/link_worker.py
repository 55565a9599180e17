"""Carries out what the core decides about links: one link at a time, in the event loop."""

from __future__ import annotations

from collections.abc import Callable

from stui_supervisor.config import Settings
from stui_supervisor.core import effects, inputs
from stui_supervisor.core.inputs import Input
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.health.path import heartbeat_timeout_s
from stui_supervisor.ports import Link, LinkTimes, Lookout
from stui_supervisor.runtime.assembly import MakeLink
from stui_supervisor.runtime.profile_watch import ProfileWatch


class LinkWorker:
    """Opens, uses and closes the link, and looks out for endpoints; what is heard goes to the core as inputs.

    A program's own link may raise anything: that is a failed attempt, or the end of the link. ``watch`` is
    told before the profile is used. ``complain`` tells of a link that could not be closed.
    """

    def __init__(
        self,
        make_link: MakeLink,
        make_lookout: Callable[[], Lookout] | None,
        settings: Settings,
        feed: Callable[[Input], None],
        watch: ProfileWatch,
        complain: Callable[[effects.Effect, Exception], None],
    ) -> None:
        self._make_link = make_link
        self._make_lookout = make_lookout
        self._settings = settings
        self._feed = feed
        self._watch = watch
        self._complain = complain
        self._link: Link | None = None
        self._lookout: Lookout | None = None
        self._opening: int | None = None

    def open(self, effect: effects.OpenLink) -> None:
        """End the present link, and open another one, which first waits for news of the profile."""
        self._hang_up(effect.link)
        self._opening = effect.link
        self._watch.before_link(lambda: self._open(effect))

    def hang_up(self, effect: effects.CloseLink) -> None:
        """End the present link, or give up the one that is to be opened."""
        self._hang_up(effect.link)

    def send(self, effect: effects.Send) -> None:
        """Hand one message to the link; NotTaken when it certainly was not taken."""
        self._watch.before_message()
        try:
            is_taken = self._link is not None and self._link.send(effect.token, effect.body)
        except Exception as error:  # noqa: BLE001  # see the class; nobody knows whether it was taken
            self._failed(effect.link, error)
            return
        if not is_taken:
            self._feed(inputs.NotTaken(effect.link, effect.token))

    def look(self, effect: effects.LookAtPath) -> None:
        """Ask the link for what the system knows of its connection; PathSeen tells."""
        try:
            sample = self._link.look() if self._link is not None else None
        except Exception as error:  # noqa: BLE001  # see the class
            self._failed(effect.link, error)
            return
        self._feed(inputs.PathSeen(effect.link, sample))

    def knock(self, effect: effects.Knock) -> None:
        """See whether the peer still greets who connects; Greeted says that it does."""
        if self._link is None:
            return
        try:
            self._link.knock()
        except Exception as error:  # noqa: BLE001  # see the class
            self._failed(effect.link, error)

    def look_out(self, effect: effects.LookOut) -> None:
        """Look whether anybody listens at these endpoints, in place of those before; SeenListening tells."""
        if self._lookout is None:
            if self._make_lookout is None:
                raise AssertionError("the core looks where nothing can")
            self._lookout = self._make_lookout()
        self._lookout.watch(
            effect.endpoints,
            lambda endpoint, is_listening: self._feed(inputs.SeenListening(effect.number, endpoint, is_listening)),
        )

    def close(self, link: int) -> None:
        """End everything; ``link`` is the number of the present one."""
        self._hang_up(link)
        if self._lookout is not None:
            self._lookout.close()

    def _hang_up(self, number: int) -> None:
        link, self._link = self._link, None
        self._opening = None
        if link is not None:
            try:
                link.close()
            except Exception as error:  # noqa: BLE001  # the link is given up all the same, and another may be wanted
                self._complain(effects.CloseLink(number), error)

    def _open(self, effect: effects.OpenLink) -> None:
        if self._opening != effect.link:
            return  # given up meanwhile
        timeout_s = heartbeat_timeout_s(effect.endpoint, self._settings)
        times = LinkTimes(effect.timeout_s, self._settings.heartbeat_interval_s, timeout_s)
        try:
            self._link = self._make_link(effect.endpoint, times, effect.curve, effect.trust)
            self._link.open(_Listener(self._feed, effect.link))
        except Exception as error:  # noqa: BLE001  # see the class
            self._failed(effect.link, error, FailureKind.NO_CONNECTION)

    def _failed(self, link: int, error: Exception, kind: FailureKind = FailureKind.RESET) -> None:
        self._feed(inputs.Lost(link, Failure(kind, str(error) or type(error).__name__)))


class _Listener:
    """Tells the core what one link says, under the link's number."""

    def __init__(self, feed: Callable[[Input], None], link: int) -> None:
        self._feed = feed
        self._link = link

    def opened(self) -> None:
        self._feed(inputs.Opened(self._link))

    def received(self, token: bytes, body: bytes) -> None:
        self._feed(inputs.Received(self._link, token, body))

    def greeted(self) -> None:
        self._feed(inputs.Greeted(self._link))

    def lost(self, failure: Failure) -> None:
        self._feed(inputs.Lost(self._link, failure))
