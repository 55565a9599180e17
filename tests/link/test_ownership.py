from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stui_supervisor.context.section import Section
from stui_supervisor.link.ownership import NOTHING_SHOWN, Evidence, Ownership
from stui_supervisor.peer.backend_session import BackendSession
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.peer.process import NOTHING_EARLIER, Process
from stui_supervisor.session.records import KnownBackend

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OURS = identity_of("c")
WORK = {"work": Section(b"1", 1, "w")}
BOOT = Process(boot=identity_of("boot 1")).in_short
OTHER_BOOT = Process(boot=identity_of("boot 2"))


def judged(
    *, process: Process = BOOT, owner: object = None, had: BackendSession | None = None, **known: Any
) -> Ownership:
    """What is found of the session s1 that is given again, by this process, as this owner's."""
    session = had or BackendSession("s1", OURS, BOOT, NOW)
    what = KnownBackend(session=session, client_id="c", **{"sections": WORK, **known})
    return Evidence(process, NOTHING_EARLIER, NOW).judge(session, identity_of(owner), what)


def test_the_same_process_gives_back_what_is_ours() -> None:
    assert judged() == NOTHING_SHOWN


def test_of_a_process_that_was_started_again_only_our_name_or_our_work_counts() -> None:
    assert judged(process=OTHER_BOOT) == Ownership(is_another_process=True, is_unproven=True)
    assert judged(process=OTHER_BOOT, owner="c") == Ownership(is_another_process=True, is_unproven=False)


def test_elsewhere_and_without_a_boot_id_it_is_in_doubt_where_there_is_work_to_look_for() -> None:
    nameless = BackendSession("s1", OURS)
    assert judged(process=Process(), had=nameless, is_elsewhere=True).is_unproven
    assert not judged(process=Process(), had=nameless, is_elsewhere=True, sections={}).is_unproven


def test_a_clock_that_was_put_back_makes_an_uptime_worthless() -> None:
    seen_later = BackendSession("s1", OURS, Process(uptime_s=5.0), NOW + timedelta(hours=1))
    assert judged(process=Process(uptime_s=9.0), had=seen_later).is_unproven


@pytest.mark.parametrize(("owner", "is_unproven"), [("c", False), ("somebody", True), (None, False)])
def test_an_owner_that_is_named_for_the_first_time_has_to_be_us(owner: str | None, *, is_unproven: bool) -> None:
    assert judged(had=BackendSession("s1", None, BOOT, NOW), owner=owner).is_unproven is is_unproven


def test_the_copy_in_a_session_shows_whose_it_is() -> None:
    known = KnownBackend(client_id="c", sections=WORK)
    in_doubt = Ownership(is_unproven=True)
    ours = {"stui_supervisor": {"client": "c"}}
    assert in_doubt.is_shown_by(ours, known)
    assert not NOTHING_SHOWN.is_shown_by({"stui_supervisor": {"client": "d"}}, known)
    assert not in_doubt.is_shown_by({"work": 1}, known)
    assert NOTHING_SHOWN.is_shown_by({"work": 1}, known)
