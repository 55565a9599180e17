"""Who answers on a link: the image and its process, as the latest answer to a ping says.

An image is asked again before the next request goes out once that answer is old, and before anything of the
user's is given to a session anew. A boot id, an uptime or the server's name never make another image; they
only tell a process that goes on from one that was started again.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, Final, NamedTuple

from stui_supervisor.config import LOOK_RETRY_S, LOOKS_REFUSED_MAX, UPTIME_ROUNDED_S
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.moment import Moment, since
from stui_supervisor.peer.identity import Identity, differ, identity_of
from stui_supervisor.printable import printable

_BOOT_KEYS: Final = ("boot_id", "bootId")  # the protocol leaves open how it is spelt


class Process(NamedTuple):
    """What a ping tells of the process behind it."""

    boot: Identity | None = None
    server: Identity | None = None
    uptime_s: float | None = None

    @property
    def in_short(self) -> Process:
        """The same in a few bytes: to be compared with others in short."""
        return self._replace(boot=_short(self.boot), server=_short(self.server))

    def is_same_as(self, earlier: Process, away_s: float = 0.0) -> bool | None:
        """Whether this is the process that was there before, ``away_s`` seconds ago; None where nothing tells."""
        if self.boot is not None and earlier.boot is not None:
            return self.boot == earlier.boot
        if differ(self.server, earlier.server):
            return False
        if self.uptime_s is None or earlier.uptime_s is None:
            return None
        began_later = self.uptime_s < away_s - UPTIME_ROUNDED_S
        return self.uptime_s >= earlier.uptime_s and not began_later


def has_begun_anew(process: Process, earlier: Process, away_s: float) -> bool:
    """True where its own words show it; what a server calls itself may change without that."""
    return process._replace(server=None).is_same_as(earlier._replace(server=None), away_s) is False


def _short(name: Identity | None) -> Identity | None:
    return None if name is None else Identity(name.in_short.text, name.in_short.text)


NO_PROCESS: Final = Process()  # of which nothing is known


class Earlier(NamedTuple):
    """The process that an earlier link was to, ``away_s`` seconds ago."""

    process: Process = NO_PROCESS
    away_s: float = 0.0

    def is_another_than(self, process: Process) -> bool:
        """True only where something shows it."""
        return process.is_same_as(self.process, self.away_s) is False


NOTHING_EARLIER: Final = Earlier()


class Who(NamedTuple):
    """What one answer to a ping says of who answers."""

    image: Identity | None = None
    process: Process = Process()


def who_answers(ping: Mapping[str, Any]) -> Who:
    """Read the result of a ping; it may be anything."""
    boot = next((found for key in _BOOT_KEYS if (found := identity_of(ping.get(key)))), None)
    uptime = ping.get("uptime")
    is_number = isinstance(uptime, int | float) and not isinstance(uptime, bool)
    process = Process(boot, identity_of(ping.get("server")), uptime if is_number else None)
    return Who(identity_of(ping.get("image_id")), process)


def unpinned(image: Identity | None, pin: str | None) -> Failure | None:
    """What is wrong with the image that a ping named, where the profile takes one only; None for nothing."""
    if pin is None or (image is not None and image.satisfies(pin)):
        return None
    wanted = _quoted(identity_of(pin))
    if image is None:
        return Failure(FailureKind.IMAGE_NOT_NAMED, f"it is pinned to {wanted}")
    return Failure(FailureKind.DIFFERENT_IMAGE, f"{_quoted(image)}, not {wanted}")


def _quoted(name: Identity | None) -> str:
    return f"'{printable(name.text)}'" if name is not None else "''"


class Look:
    """The latest look at who answers on one link, and at whose our session is; it ends with the link.

    ``seen`` is when it was. ``is_before_session``: the backend session is to be made once it is known who answers.
    """

    def __init__(self) -> None:
        self.who = Who()
        self.seen: Moment | None = None
        self.is_before_session = False
        self._at: float | None = None
        self._session_at: float | None = None
        self._again_from = inf
        self._refused = 0

    @property
    def image(self) -> Identity | None:
        """The image that the latest answer named; None when it named none."""
        return self.who.image

    def saw(self, who: Who, now: Moment) -> None:
        """A ping was answered."""
        self.who, self.seen, self._at = who, now, now.monotonic_s
        self._again_from, self._refused = inf, 0

    def saw_session(self, now: float) -> None:
        """Our session was made or restored, or took a push: no answer says that it is another's."""
        self._session_at = now

    def is_session_old(self, now: float, interval_s: float) -> bool:
        """True when it has to be asked again whose our session is before anything is pushed to it."""
        return self._session_at is None or now - self._session_at >= interval_s

    def refused(self, now: float) -> bool:
        """A ping was answered with an error, which says nothing. True when that has gone on for too long."""
        self._refused += 1
        self._again_from = now + LOOK_RETRY_S
        return self._refused >= LOOKS_REFUSED_MAX

    def slept(self, slept_s: float) -> None:
        """This machine has slept: what was seen before is old, whatever the clock says."""
        self._at = self._session_at = None
        if self.seen is not None:
            self.seen = self.seen._replace(monotonic_s=self.seen.monotonic_s - slept_s)

    def forget(self) -> None:
        """What was seen before counts no more."""
        self._at = None

    def is_old(self, now: float, interval_s: float) -> bool:
        """True when it has to be asked again before anything goes out."""
        return self._at is None or now - self._at >= interval_s

    def try_again(self, now: float) -> bool:
        """True when it may be asked: not for a moment after an answer that was none."""
        if now >= self._again_from:
            self._again_from = inf
        return self._again_from == inf

    def next_deadline(self) -> float:
        """The monotonic time at which it may be asked again, where that is not yet so."""
        return self._again_from


class Lineage:
    """Whether the process at the other end goes on from one link to the next, which may be to another endpoint."""

    def __init__(self) -> None:
        self._lost: dict[Endpoint | None, tuple[Process, Moment]] = {}  # the latest comes last

    def slept(self, slept_s: float) -> None:
        """This machine has slept, and its monotonic clock may have stood meanwhile."""
        self._lost = {
            endpoint: (process, seen._replace(monotonic_s=seen.monotonic_s - slept_s))
            for endpoint, (process, seen) in self._lost.items()
        }

    def lost(self, endpoint: Endpoint | None, process: Process, seen: Moment) -> None:
        """A link that was up has ended, on which the process was ``seen`` last then."""
        self._lost.pop(endpoint, None)
        self._lost[endpoint] = process, seen

    def last_seen(self, endpoint: Endpoint | None, now: Moment) -> Earlier:
        """The process that the last link to this endpoint was to, and the time since, by whichever clock went on."""
        process, seen = self._lost.get(endpoint, (Process(), now))
        return Earlier(process, max(now.monotonic_s - seen.monotonic_s, since(seen.utc, now.utc)))

    def goes_on(self, endpoint: Endpoint | None, process: Process, now: Moment) -> bool:
        """True only where something shows that this is the process that the last link was to, wherever that led."""
        last = next(reversed(self._lost), None)
        if last != endpoint:  # the uptimes of two servers say nothing of each other
            process = process._replace(server=None, uptime_s=None)
        return process.is_same_as(*self.last_seen(last, now)) is True
