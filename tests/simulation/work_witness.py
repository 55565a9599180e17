"""The user's work is never lost: not to another image, not to a slow disk, and not to a kill once it was saved.

And nobody is warned of their own earlier work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from stui_supervisor.config import KNOWN_COPIES, Settings
from stui_supervisor.context.context import Context, Section
from stui_supervisor.core import inputs
from stui_supervisor.core.core import Core
from stui_supervisor.core.effects import Announce, Effect, Release, Save, SaveSnapshot, Send
from stui_supervisor.core.inputs import Input
from stui_supervisor.events import SessionSwitched
from stui_supervisor.machine.states import State
from stui_supervisor.session.records import ClaimedSession
from stui_supervisor.session.save_schedule import Revisions, SaveSchedule
from stui_supervisor.testing import MemoryDisk
from stui_supervisor.wire.service import decode_request
from tests.simulation.copy_witness import FOREIGN
from tests.simulation.identities import known_as
from tests.simulation.image_sessions import STRANGER
from tests.simulation.storage import StoreCall
from tests.simulation.violation import demand

Sections = Mapping[str, Section]
_TICK_S = 0.001
_OF_OTHERS = f'"{FOREIGN}'.encode(), f'"{STRANGER}'.encode()


class WorkWitness:
    """Follows the context of one program, image by image, and what of it the disk has acknowledged.

    ``is_of_another`` tells the owners of sessions apart: what another process holds is not to be had.
    A section is there when it has at least the counter that was seen: counters only grow. Under the same tag what was
    deleted stays deleted, and nobody else has written.
    """

    def __init__(
        self,
        core: Core,
        context: Context,
        settings: Settings,
        disk: MemoryDisk,
        is_of_another: Callable[[object], bool],
    ) -> None:
        self._is_of_another = is_of_another
        self._core = core
        self._context = context
        self._settings = settings
        self._disk = disk
        self._work: dict[str | None, dict[str, Section]] = {}
        self._on_disk_only: dict[str | None, Sections] = {}
        self._image: str | None = None
        self._acknowledged: dict[str, tuple[str | None, Sections]] = {}
        self._callers: list[tuple[SaveSchedule, Revisions, Sections]] = []
        self._saving = 0
        self._unsaved_since: float | None = None
        self._quiet_since = 0.0
        self._disk_failed = False
        self._before: Sections = {}
        self._given: dict[tuple[str | None, str], list[Section]] = {}

    def assigned(self, now: float) -> None:
        """The user has changed a section."""
        self._follow_changes()
        self._remember(known_as(self._core.session.record), self._context.sections())
        if self._unsaved_since is None:
            self._unsaved_since = now

    def save_called(self, saver: SaveSchedule) -> None:
        """Somebody waits in save() for what is there now; the driver asks this saver for it."""
        self._callers.append((saver, saver.present, self._context.sections()))

    def stored(self, call: StoreCall, event: Input | None) -> None:
        """The disk has answered, and the core does not know yet."""
        if isinstance(call, Save) and isinstance(event, inputs.Saved):
            image, sections = self._acknowledged.get(call.session_id, (None, {}))
            self._acknowledged[call.session_id] = (known_as(call.record) or image, call.sections or sections)

    def saw(self, event: Input, effects: Sequence[Effect], now: float, deadline: float | None) -> None:
        """Judge one step."""
        self._follow_disk(event, effects, now)
        self._check_delay(event, deadline)
        self._check_owner()
        self._follow_image(event, effects)
        if isinstance(event, inputs.Loaded) and Release(event.claimed.session_id) not in effects:
            self._taken_over(event.claimed)
        self._check_work()
        if not isinstance(event, inputs.Loaded) or self._core.state is State.RESTORING:
            self._check_told(effects)  # what is read later finds the image's copy merged, and may name one's own
        self._follow_changes()
        self._follow_pushes(effects)
        self._check_released(event, effects)
        if isinstance(event, inputs.Saved):
            self._wake()

    def check_disk(self) -> None:
        """What was acknowledged is on the disk, in a session of its image."""
        for session_id, (image, sections) in self._acknowledged.items():
            stored = self._disk.sessions[session_id]
            demand(_holds(stored.sections, sections), f"acknowledged work is still in session {session_id[-4:]}")
            right_image = image is None or known_as(stored.record) == image
            demand(right_image, f"session {session_id[-4:]} stays the one of image {image}")

    def must_be_on_disk(self, sections: Sections, why: str) -> None:
        """Somebody was told that this is on the disk."""
        held = any(_holds(stored.sections, sections) for stored in self._disk.sessions.values())
        demand(held or not sections, f"saved means on the disk ({why})")

    def forget_callers(self) -> None:
        """Those who waited in save() have been told that it failed."""
        self._callers.clear()

    def _remember(self, image: str | None, sections: Sections) -> None:
        known = self._work.setdefault(image, {})
        for name, section in sections.items():
            if name not in known or known[name].counter < section.counter:
                known[name] = section

    def _taken_over(self, claimed: ClaimedSession) -> None:
        image = self._image if claimed.session_id == self._core.session.id else known_as(claimed.record)
        self._acknowledged[claimed.session_id] = (known_as(claimed.record), claimed.sections)
        awaited = self._on_disk_only.pop(image, {})
        if _has_work(claimed.sections) and not _holds(claimed.sections, awaited):
            # Another window has left newer work meanwhile, and a start goes on with the newest.
            self.must_be_on_disk(awaited, "another session of its image is gone on with")
            awaited = {}
        self._remember(image, {**awaited, **claimed.sections})

    def _follow_image(self, event: Input, effects: Sequence[Effect]) -> None:
        image, before = known_as(self._core.session.record), self._image
        if image == before:
            return
        self._image = image
        if not self._settings.keeps_session:
            self._remember(image, self._context.sections())
        elif not _switches(effects):
            demand(before is None, f"the work of {before} does not become that of {image} without a word")
            self._remember(image, self._work.pop(None, {}))
        elif self._is_elsewhere(event, self._work.get(image, {})):
            self._work.pop(image, None)
        elif not isinstance(event, inputs.Loaded) and not self._context:
            # The disk did not give the image's session in time; what it has comes later.
            self._on_disk_only[image] = self._work.pop(image, {})
            self.must_be_on_disk(self._on_disk_only[image], "its session was given back")

    def _is_elsewhere(self, event: Input, work: Sections) -> bool:
        """The work is safe in a session that another process holds, or that is older than another window's work."""
        holding = [stored for stored in self._disk.sessions.values() if _holds(stored.sections, work)]
        has_other_work = isinstance(event, inputs.Loaded) and _has_work(event.claimed.sections)
        return any(has_other_work or self._is_of_another(stored.owner) for stored in holding)

    def _check_work(self) -> None:
        work = self._work.get(self._image, {})
        present = self._context.sections()
        lost = [name for name, section in work.items() if not _is_there(present, name, section)]
        demand(not lost, f"the work of image {self._image} is there while it answers; lost: {lost}")

    def _check_told(self, effects: Sequence[Effect]) -> None:
        """A copy in the image that is told of is none that this process gave it in the session, unless long ago."""
        for told in effects:
            if isinstance(told, SaveSnapshot):
                theirs = {name: copy for name, copy in told.sections.items() if copy != self._before.get(name)}
                own = [name for name, copy in theirs.items() if copy in self._given.get((told.session_id, name), [])]
                demand(not own, f"nobody is told of their own earlier work: {own}")

    def _follow_changes(self) -> None:
        self._before = self._context.sections()

    def _follow_pushes(self, effects: Sequence[Effect]) -> None:
        if not any(isinstance(effect, Send) and _is_push(effect.body) for effect in effects):
            return
        for name, section in self._context.sections().items():
            given = self._given.get((self._core.session.id, name), [])
            if section not in given[-1:]:
                self._given[self._core.session.id, name] = [*given, section][-KNOWN_COPIES:]

    def _check_released(self, event: Input, effects: Sequence[Effect]) -> None:
        """A session is given back once all of it is on disk, after a last write, or when it was never used."""
        excused = {effect.session_id for effect in effects if isinstance(effect, Save)}
        if isinstance(event, inputs.Loaded):
            excused.add(event.claimed.session_id)
        for effect in effects:
            if isinstance(effect, Release) and effect.session_id in self._acknowledged.keys() - excused:
                image, sections = self._acknowledged[effect.session_id]
                demand(_holds(sections, self._work.get(image, {})), f"all work of {image} was saved before its release")

    def _follow_disk(self, event: Input, effects: Sequence[Effect], now: float) -> None:
        if isinstance(event, inputs.Saved | inputs.SaveFailed):
            self._saving, self._quiet_since = self._saving - 1, now
            self._disk_failed = isinstance(event, inputs.SaveFailed)
        elif isinstance(event, inputs.LoadFailed):
            self._disk_failed = True
        elif isinstance(event, inputs.Loaded):
            self._quiet_since = now
        saves = [effect for effect in effects if isinstance(effect, Save)]
        self._saving += len(saves)
        if any(save.sections is not None for save in saves) or _switches(effects):
            self._unsaved_since = None

    def _check_owner(self) -> None:
        session_id = self._core.session.id
        if session_id is not None:
            demand(not self._is_of_another(self._disk.sessions[session_id].owner), "one process has a session")

    def _check_delay(self, event: Input, deadline: float | None) -> None:
        session = self._core.session
        if self._unsaved_since is None or session.id is None or self._saving or self._disk_failed:
            return
        if isinstance(event, inputs.Stop):
            return
        due = max(self._unsaved_since, self._quiet_since) + self._settings.save_delay_s + _TICK_S
        demand(deadline is not None and deadline <= due, "a change is on its way to the disk within the promised time")

    def _wake(self) -> None:
        waiting = []
        for saver, version, sections in self._callers:
            if version.record <= saver.saved.record and version.context <= saver.saved.context:
                self.must_be_on_disk(sections, "save() returned")
            else:
                waiting.append((saver, version, sections))
        self._callers = waiting


def _is_push(body: bytes) -> bool:
    return decode_request(body).command in ("save_context", "update_session_state")


def _switches(effects: Sequence[Effect]) -> bool:
    return any(isinstance(effect, Announce) and isinstance(effect.event, SessionSwitched) for effect in effects)


def _is_of_others(section: Section) -> bool:
    return (section.value or b"").startswith(_OF_OTHERS)


def _has_work(sections: Sections) -> bool:
    return any(section.value is not None for section in sections.values())


def _holds(present: Sections, wanted: Sections) -> bool:
    return all(_is_there(present, name, section) for name, section in wanted.items())


def _is_there(present: Sections, name: str, section: Section) -> bool:
    found = present.get(name)
    if found is None:
        return section.value is None  # so old a deletion that it was forgotten
    if section.writer and (found.counter, found.writer) == (section.counter, section.writer):
        is_back = section.value is None and found.value is not None
        return not is_back and _is_of_others(found) <= _is_of_others(section)
    return found.counter >= section.counter
