"""The sessions in the images: none that is there is given up, none of somebody else is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stui_supervisor.context.image_copy import client_of
from stui_supervisor.context.section import METADATA_KEY
from stui_supervisor.core import inputs
from stui_supervisor.core.core import Core
from stui_supervisor.core.effects import Effect, OpenLink, Release, Send
from stui_supervisor.core.inputs import Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.machine.states import State
from stui_supervisor.moment import Moment
from stui_supervisor.requests.request import Request
from stui_supervisor.wire.service import decode_request
from tests.simulation.identities import known_as
from tests.simulation.image_sessions import STRANGER
from tests.simulation.network import Site
from tests.simulation.violation import demand

_THEIRS = f'"{STRANGER}'.encode()
_PUSHES = frozenset({"update_session_state", "save_context"})
_WITH_CLIENT = frozenset({"create_session", "restore_session"})
_CLOCK_SET_S = 1.0
_UP = (State.CONNECTED, State.DEGRADED)


class SessionWitness:
    """Knows what is in every image. Nothing is held against a core that was misled, or could not have known."""

    def __init__(self, core: Core, sites: Mapping[Endpoint, Site]) -> None:
        self._core = core
        self._sites = sites
        self._site: Site | None = None
        self._had: dict[tuple[str | None, str | None, Endpoint], tuple[str, int]] = {}
        self._offset_s: float | None = None
        self._was_set = False
        self._endpoint: Endpoint | None = None
        self._client: str | None = None
        self._link = self._boot = 0
        self._came_late = False
        self._objects: dict[str, tuple[int, Site, int]] = {}

    def saw(self, event: Input, effects: Sequence[Effect], now: Moment) -> None:
        """Judge one step."""
        self._follow_clock(now)
        self._follow_event(event)
        for effect in effects:
            match effect:
                case OpenLink(link, endpoint):
                    self._link, self._endpoint, self._site, self._client = link, endpoint, self._sites[endpoint], None
                case Send(_, _, body):
                    self._sent(body)
                case Release(session_id):  # another process may have it meanwhile
                    self._had = {held: session for held, session in self._had.items() if held[0] != session_id}
        if isinstance(event, inputs.Received) and self._site is not None:
            if self._tells_whose:
                values = (section.value for section in self._core.session.context.sections().values())
                theirs = [value for value in values if value is not None and value.startswith(_THEIRS)]
                demand(not theirs, f"no work of another user gets into the context: {theirs}")
            if self._core.state in _UP:
                self._follow_session(self._site)

    def _follow_event(self, event: Input) -> None:
        if isinstance(event, inputs.Submit):
            self._submitted(event.request)
        elif isinstance(event, inputs.Opened) and self._site is not None:
            self._boot, self._came_late = self._site.image.boot, False
        elif isinstance(event, inputs.Loaded):
            self._came_late |= self._core.state in _UP

    def _follow_clock(self, now: Moment) -> None:
        offset_s = now.utc.timestamp() - now.monotonic_s
        self._was_set |= self._offset_s is not None and abs(offset_s - self._offset_s) > _CLOCK_SET_S
        self._offset_s = offset_s

    def _submitted(self, request: Request) -> None:
        if "objectId" in request.members and self._core.state in _UP and self._site is not None:
            self._objects[request.message_id] = self._link, self._site, self._site.image.boot

    @property
    def _tells_whose(self) -> bool:
        """True where every server says whose a session is, and none has misled us."""
        sites = self._sites.values()
        return all(site.image.manners.names_clients and not site.image.has_misled for site in sites)

    def _sent(self, body: bytes) -> None:
        request = decode_request(body)
        if request.id in self._objects:
            self._check_object(*self._objects[request.id])
        if request.command in _WITH_CLIENT:
            self._client = str(request.parameters["client_id"])
        if request.command not in _PUSHES or self._site is None or not self._tells_whose:
            return
        kept, ours = self._site.image.kept, self._names(self._site)
        owner = kept.owners.get(str(request.parameters["session_id"]))
        is_gone = self._site.image.boot != self._boot  # to a process that has ended it does not get
        demand(is_gone or owner in {None, *ours}, f"the work of {ours} does not get into a session of {owner}")

    def _names(self, site: Site) -> set[str]:
        """What the client of this link calls itself, and what the server calls it."""
        return {self._client, site.image.manners.called(self._client)} if self._client else set()

    def _check_object(self, link: int, site: Site, boot: int) -> None:
        """After another link, an object of a process that has ended with all its sessions is not asked for."""
        image = site.image
        could_tell = not image.has_misled and (image.manners.names_clients or not image.manners.numbers_sessions)
        is_gone = link != self._link and site is self._site and image.forgot_in > boot
        demand(not (is_gone and could_tell), "an object of an earlier process is not asked for in the next")

    def _follow_session(self, site: Site) -> None:
        record, endpoint = self._core.session.record, self._endpoint
        if self._core.session.id is None or record.backend_session is None or endpoint is None:
            return
        held = self._core.session.id, known_as(record), endpoint
        before, boot = self._had.get(held, (None, 0))
        self._had[held] = str(record.backend_session), self._boot  # what comes may come late
        owner = site.image.kept.owners.get(before or "", "")
        is_there = before in site.image.sessions and owner in self._names(site)
        # In a new process a session that shows no work of ours may be anybody's, as far as the client is told; and
        # after a sleep, or where a clock was set, the process may be a new one.
        state = site.image.sessions.get(before or "") or {}
        shows = site.image.character.state_with_restore and state.get(METADATA_KEY)
        is_same = boot == self._boot and not self._was_set
        # What another of us has pushed to is left to it, whosever number it was.
        is_there = is_there and (is_same or bool(shows)) and client_of(state) in {None, record.client_id}
        # What a record that comes to a living link says of a session may be of a process before this one.
        is_there = is_there and not self._came_late
        if before not in {None, record.backend_session} and not site.image.has_misled:
            demand(not is_there, f"{before}, which is there, is not given up for {record.backend_session}")
