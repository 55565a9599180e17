"""The power fails: whatever the disk had not been told to keep may be lost, and what was acknowledged is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.context.context import Section
from tests.support.files.crash_states import PowerCuts
from tests.support.files.intercepted import intercepted
from tests.support.files.scratch import scratch
from tests.support.files.stored_files import EPOCH, OLD, RECORD, posix

pytestmark = posix

SAVES: list[Mapping[str, Section]] = [{}, *({"x": Section(b"%d" % number, number, "me")} for number in range(1, 11))]


class Minutes:
    """A wall clock that is twenty minutes later at each look."""

    def __init__(self) -> None:
        self.now = EPOCH

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=20)
        return self.now


def recorded(base: Path) -> PowerCuts:
    """A first start, a second one, and saves until old generations go."""
    cuts = PowerCuts(base)
    clock = Minutes()
    with intercepted(cuts):
        for begin in (1, 6):
            files = FileSessionStore(base / "home" / "sessions", clock)
            session_id = files.claim("default").session_id
            for number in range(begin, begin + 5):
                files.save_record(session_id, RECORD)
                files.save_context(session_id, SAVES[number])
                cuts.acknowledged = number
            files.save_snapshot(session_id, OLD)
            files.release(session_id)
    return cuts


def make(tree: dict[str, bytes], base: Path) -> None:
    for path, content in tree.items():
        if path.endswith("/"):
            (base / path).mkdir()
        else:
            (base / path).write_bytes(content)


def test_every_state_that_a_power_cut_may_leave_loads_what_was_acknowledged_or_the_save_under_way() -> None:
    with scratch() as base:
        cuts = recorded(base)
    rng = Random(1)  # noqa: S311  # subsets, no secrets
    seen: set[tuple[int, frozenset[tuple[str, bytes]]]] = set()
    for moment in cuts.moments:
        for tree in cuts.states(moment, rng):
            state = (moment.acknowledged, frozenset(tree.items()))
            if state in seen:
                continue
            seen.add(state)
            with scratch() as base:
                make(tree, base)
                claimed = FileSessionStore(base / "home" / "sessions", lambda: EPOCH).claim("default")
                assert (claimed.sections, claimed.notices) in [
                    (sections, ()) for sections in SAVES[moment.acknowledged : moment.acknowledged + 2]
                ]
    assert len(seen) > 200
