"""The supervised link, for asyncio programs."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Coroutine, Mapping
from collections.abc import Set as AbstractSet
from random import SystemRandom
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self
from weakref import ref

from stui_supervisor.adapters.host.clock import SystemClock, named_home
from stui_supervisor.adapters.keyring.environment import token_of_this_run
from stui_supervisor.config import DEFAULTS, STOP_TIMEOUT_S, Settings
from stui_supervisor.context.context import Context
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError, NotSent, StoreError, SupervisorError
from stui_supervisor.events import Status
from stui_supervisor.machine.states import State
from stui_supervisor.moment import Moment
from stui_supervisor.ports import Credentials, LinkFactory
from stui_supervisor.profile import checked_name
from stui_supervisor.requests.request import Request, new_request
from stui_supervisor.runtime.lifecycle import START, Lifecycle
from stui_supervisor.runtime.observers import EventStream, Observers, refuse
from stui_supervisor.wire.dialects import Operation

if TYPE_CHECKING:
    from pathlib import Path

    from stui_supervisor.runtime.driver import Driver


class Supervisor:
    """Owns the link to one STUI backend: restores it, keeps it, and brings it back.

    ``endpoint`` overrides the stored one. ``profile`` names the user's set of sessions. ``home`` is one
    directory for every file (default: ``STUI_SUPERVISOR_HOME``, else the platform's directories). What they name
    is taken as it is now, a relative path from the present working directory.
    ``credentials`` gives the token, if the backend wants one (default: ``STUI_TOKEN``, else the keyring, where the
    profile says that it holds one).
    ``link`` makes links of your own instead of ZeroMQ ones (see ``ports.LinkFactory``), without notifications.

    Use it from one event loop from each start to its stop; in another one every call raises SupervisorError. Raises
    ConfigurationError for an endpoint, a profile, a home or settings that cannot be.
    """

    def __init__(
        self,
        endpoint: str | Endpoint | None = None,
        *,
        profile: str = "default",
        settings: Settings | None = None,
        home: Path | str | None = None,
        credentials: Credentials | None = None,
        link: LinkFactory | None = None,
    ) -> None:
        from stui_supervisor.core.core import Core  # noqa: PLC0415  # importing this package stays cheap

        self._endpoint = None if endpoint is None else Endpoint.parse(endpoint)
        self._settings = _checked(settings)
        self._home = named_home(home)
        self._credentials = credentials or token_of_this_run()
        self._link = link
        self._clock = SystemClock()
        there = _Weakly(self)  # what runs must not keep alive an object that nobody has any more
        self._lifecycle = Lifecycle(there.make_driver, lambda: repr(there()))
        self._pid = os.getpid()
        self._writer = _new_writer()
        self._context = Context(self._writer, there.context_changed, there.check)
        self._used = set[str]()
        self._requests = 0
        self._core = Core(
            profile=checked_name(profile),
            settings=self._settings,
            rng=SystemRandom(),  # jitter and ids; after a fork two processes must not draw the same
            context=self._context,
            pid=self._pid,
            has_credentials=self._credentials is not None,
            can_look=link is None,
            can_subscribe=link is None,
            login=_login(self._home, profile),
        )

    # Life

    async def start(self) -> None:
        """Begin to restore, and return at once; the rest happens by itself. Once started: nothing.

        Never fails because a backend, a disk or a keyring is away; events and the status tell. A stop that is
        under way is waited for first, which takes less than a second.
        """
        self._check()
        from stui_supervisor.core.inputs import Start  # noqa: PLC0415  # importing this package stays cheap

        await self._lifecycle.start(Start(self._endpoint))

    async def stop(self) -> None:
        """Save the context, let go of the link, and end everything within a second. Once stopped: nothing.

        An image that answers gets what was changed last. The next start connects again. Requests without a reply end,
        waiting callers get SupervisorError. It goes on by itself when it is cancelled, and a second call waits for the
        first one's end.
        """
        await self._lifecycle.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self.stop()
        except SupervisorError:  # as in a forked child, which leaves the block by sys.exit()
            if error is None:
                raise

    # The link

    async def connect(self, endpoint: str | Endpoint) -> None:
        """Link to this endpoint from now on; returns before the link is up.

        Raises ConfigurationError for a malformed endpoint; then nothing changes.
        """
        self._running().connect(Endpoint.parse(endpoint))

    async def disconnect(self) -> None:
        """End the link, and remember that none is wanted: the next start stays disconnected.

        Returns when that is on the disk, or after a moment when the disk does not take it.
        """
        driver = self._running()
        driver.disconnect()
        if self._settings.keeps_session:
            # A disk that is away does not keep the user waiting; the wish is then written when it is back.
            with contextlib.suppress(StoreError, TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await driver.save()

    async def reconnect(self) -> None:
        """Make a new link now: ends a wait between attempts, replaces a link, revives a disconnected one."""
        self._running().reconnect()

    @property
    def state(self) -> State:
        """What the link is doing now."""
        return self._core.state

    def status(self) -> Status:
        """Everything that is known about the link now."""
        self._check()
        return self._core.status(self._now())

    def wait_for(self, *states: State, timeout: float | None = None) -> Coroutine[Any, Any, State]:
        """Wait until the link is in one of the states, or has passed through one since the call.

        Called outside the supervisor's event loop, for ``run_coroutine_threadsafe``, it listens from its first step on.
        Returns that state. Raises TimeoutError after ``timeout`` seconds; the ConnectionRejected when
        a person is needed, unless DISCONNECTED is among the states; SupervisorError when it is stopped.
        """
        if not states:
            raise ConfigurationError("wait_for() was given no state", hint="name one, for instance State.CONNECTED")
        try:
            wanted = {State(state) for state in states}
        except ValueError as error:
            raise ConfigurationError(str(error), hint=f"states are {', '.join(State)}") from error
        return (
            self._wait_later(wanted, timeout) if self._lifecycle.is_elsewhere else self._wait_from_now(wanted, timeout)
        )

    async def _wait_later(self, wanted: AbstractSet[State], timeout_s: float | None) -> State:
        return await self._wait_from_now(wanted, timeout_s)

    def _wait_from_now(self, wanted: AbstractSet[State], timeout_s: float | None) -> Coroutine[Any, Any, State]:
        self._check()
        observers = self._lifecycle.observers
        future = observers.wait(wanted)
        if self.state in wanted and (self.state is State.DISCONNECTED or not self._lifecycle.has_stopped):
            future.set_result(self.state)
        elif self._core.rejection is not None and State.DISCONNECTED not in wanted:
            refuse(future, self._core.rejection)
        elif self._lifecycle.has_stopped:
            refuse(future, SupervisorError("the supervisor was stopped", hint=START))
        return self._within(observers, future, timeout_s)

    def events(self) -> EventStream:
        """What happens from this call on, as an asynchronous iterator that ends at stop.

        Taken after a stop, it ends at once unless it is started again before the first event is asked for.
        """
        self._check()
        return self._lifecycle.observers.subscribe()

    # The work

    @property
    def context(self) -> Context:
        """The work context: a mapping from section names to JSON values. Only assigning a section changes it."""
        return self._context

    async def save(self) -> None:
        """Return when the present context is on the disk. Raises StoreError when it cannot be put there."""
        if not self._settings.keeps_session:
            raise StoreError("this supervisor keeps no session", hint="leave out Settings.keeps_session")
        self._check()
        driver = self._lifecycle.driver
        if driver is None:
            raise StoreError("the supervisor is not running", hint=START)
        await driver.save()

    async def request(
        self,
        command: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # it decides between two outcomes, TimeoutError is neither
        repeatable: bool | None = None,
    ) -> dict[str, Any]:
        """Ask the image, and return its result.

        ``command`` is a name of the ``command`` dialect whatever the backend speaks. ``timeout`` in seconds; None waits
        Settings.link_wait_s for a link and then as long as the link lives. ``repeatable`` True allows sending it
        again by itself when a link is lost; None: as STUI's protocol says for this command. A ping, create_session or
        restore_session carries the token, if there is one, unless ``auth_token`` is among the parameters.

        Raises NotSent (repeat it safely), OutcomeUnknown (look first), BackendError (the image's answer),
        ConfigurationError (parameters that are not JSON, or more than 10 MB). NotSent is also what waits for one image
        when another one answers, and what names an object or a session when its process may be gone.
        """
        self._check()
        driver, request = self._lifecycle.driver, self._new_request(command, parameters, timeout, repeatable=repeatable)
        if driver is None:
            raise NotSent("the supervisor is not running", hint=START, request_id=request.message_id)
        future = driver.submit(request)
        try:
            return (await future).result
        except asyncio.CancelledError:
            driver.cancel(request)
            raise

    def _new_request(
        self, command: str, parameters: Mapping[str, Any] | None, timeout_s: float | None, *, repeatable: bool | None
    ) -> Request:
        self._requests += 1
        operation = Operation(command, {} if parameters is None else parameters)
        message_id = f"{self._writer}-{self._requests}"
        return new_request(self._requests, message_id, operation, timeout_s, repeatable=repeatable, now=self._now())

    # Inside

    def _make_driver(self, observers: Observers) -> Driver:
        from stui_supervisor.runtime.assembly import assemble  # noqa: PLC0415  # as above
        from stui_supervisor.runtime.driver import Driver  # noqa: PLC0415  # importing this package stays cheap

        adapters = assemble(self._settings, self._home, self._credentials, self._link, self._used)
        return Driver(self._core, self._settings, adapters, observers)

    def __del__(self) -> None:
        """As an open file does: it is ended, and a ResourceWarning says that nobody has."""
        if hasattr(self, "_core"):  # what was refused has none
            self._lifecycle.let_go(repr(self))

    def __reduce__(self) -> NoReturn:
        """Neither copied nor pickled: a second one would be the end of the first."""
        raise TypeError("a Supervisor cannot be copied or pickled: make another one")

    def __repr__(self) -> str:
        return f"<Supervisor {self.state} {self._core.endpoint or 'no endpoint'}>"  # also while the program ends

    def _check(self) -> None:
        """Raises SupervisorError elsewhere than where it runs. Made before a fork, it is the child's that starts it."""
        self._lifecycle.check()
        pid = os.getpid()
        if pid != self._pid:
            self._pid, self._writer = pid, _new_writer()
            self._context.sign_as(self._writer)
            self._core.runs_in(pid)
            self._used.clear()

    def _running(self) -> Driver:
        self._check()
        driver = self._lifecycle.driver
        if driver is None:
            raise SupervisorError("the supervisor is not running", hint=START)
        return driver

    def _context_changed(self) -> None:
        from stui_supervisor.core.inputs import ContextChanged  # noqa: PLC0415  # loaded with the core by now

        event = ContextChanged()
        if not self._lifecycle.tell(event):
            self._core.handle(event, self._now())  # before the start there is nothing to do but to know

    async def _within(self, observers: Observers, future: asyncio.Future[State], timeout_s: float | None) -> State:
        try:
            async with asyncio.timeout(timeout_s):
                return await observers.awaited(future)
        except TimeoutError:
            trouble = self._core.status(self._now()).last_error
            raise TimeoutError(f"still {self.state}" + (f": {trouble}" if trouble else "")) from None

    def _now(self) -> Moment:
        return Moment(self._clock.monotonic(), self._clock.utc())


class _Weakly:
    """A supervisor, as long as somebody has it. Raises SupervisorError after that."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = ref(supervisor)

    def __call__(self) -> Supervisor:
        supervisor = self._supervisor()
        if supervisor is None:
            hint = "keep the supervisor while you use its context"
            raise SupervisorError("the supervisor of this context is gone", hint=hint)
        return supervisor

    def make_driver(self, observers: Observers) -> Driver:
        return self()._make_driver(observers)  # noqa: SLF001  # it stands for the object itself

    def context_changed(self) -> None:
        self()._context_changed()  # noqa: SLF001  # as above

    def check(self) -> None:
        self()._check()  # noqa: SLF001  # as above


def _login(home: Path | str | None, profile: str) -> str:
    from stui_supervisor.adapters.host.command_lines import advised  # noqa: PLC0415  # importing this package stays cheap

    return advised("login", home=home, profile=profile)


def _new_writer() -> str:
    return os.urandom(16).hex()


def _checked(settings: Settings | None) -> Settings:
    if settings is not None and not isinstance(settings, Settings):
        hint = "give a stui_supervisor.Settings, or leave it out"
        raise ConfigurationError(f"the settings are of type {type(settings).__name__}", hint=hint)
    return settings or DEFAULTS
