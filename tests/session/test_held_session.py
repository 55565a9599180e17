from __future__ import annotations

from random import Random

from stui_supervisor.config import Settings
from stui_supervisor.machine.states import BackendVerdict, State
from stui_supervisor.peer.backend_session import BackendSession
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.session.held_session import HeldSession, HeldSessions
from stui_supervisor.session.messages import Release
from stui_supervisor.session.records import KnownBackend, SessionRecord
from stui_supervisor.session.save_schedule import SaveSchedule

HERE, THERE = "tcp://127.0.0.1:1", "tcp://127.0.0.1:2"
S1, S2 = BackendSession("s1"), BackendSession("s2")


def held(session_id: str | None = "a", endpoint: str | None = HERE) -> HeldSession:
    record = SessionRecord(profile="p", endpoint=endpoint, session=S1, status={"state": State.CONNECTED})
    return HeldSession(record, SaveSchedule(Settings()), session_id)


def test_what_is_known_of_a_backend_is_its_own_session_or_that_of_the_last_link() -> None:
    one = held()
    one.backend_sessions.remember(THERE, S2)
    assert (one.known(HERE, None, {}).session, one.known(THERE, None, {}).session) == (S1, S2)
    elsewhere = one.known("tcp://127.0.0.1:3", None, {})
    assert (elsewhere.session, elsewhere.is_elsewhere) == (S1, True)


def test_what_a_handshake_made_or_missed_counts_until_a_link_is_up() -> None:
    one = held()
    one.backend_sessions.half_made[HERE] = None, BackendVerdict.RESTARTED
    missed = one.known(HERE, None, {})
    assert (missed.session, missed.found) == (None, BackendVerdict.RESTARTED)
    one.established(HERE, KnownBackend(session=S2, client_id="c"), 0.0)
    assert (one.known(HERE, None, {}).session, one.known(HERE, None, {}).found) == (S2, None)


def test_a_question_about_a_backend_gives_us_no_name_and_a_handshake_does_once() -> None:
    one = held()
    assert one.known(HERE, None, {}).client_id == ""
    one.name_itself(Random(0))  # noqa: S311  # a name
    name = one.record.client_id
    one.name_itself(Random(1))  # noqa: S311  # a name
    assert name and one.record.client_id == name  # noqa: PT018  # one fact


def test_a_session_that_is_lost_takes_the_images_copy_with_it() -> None:
    one = held()
    one.record = one.record.of_image(identity_of("one"))
    one.lose("a", Random(0), 0.0)  # noqa: S311  # a name
    assert (one.needs_new, one.record.session, one.record.image) == (True, None, identity_of("one"))


def test_the_clean_session_of_another_image_is_given_back_and_another_waits_for_the_disk() -> None:
    clean, changed = HeldSessions(held()), HeldSessions(held())
    clean.current.record = SessionRecord(profile="p")  # and so its status says that it has stopped
    changed.current.schedule.context_changed(0.0)
    assert (clean.park({}, 0.0), clean.parked) == ([Release("a")], {})
    assert (changed.park({}, 0.0), changed.parked) == ([], {None: changed.current})


def test_the_next_session_in_use_leads_where_the_last_one_led_unless_it_knows_better() -> None:
    new, known = held("b", None), held("c", THERE)
    sessions = HeldSessions(held())
    sessions.use(new, identity_of("two"))
    assert (new.record.endpoint, new.record.image) == (HERE, identity_of("two"))
    sessions.use(known, None)
    assert (known.record.endpoint, sessions.current) == (THERE, known)


def test_a_session_that_has_ended_is_found_until_the_next_run() -> None:
    sessions = HeldSessions(held())
    sessions.end(sessions.current, "a")
    assert (sessions.find("a"), sessions.find("b")) == (sessions.current, None)
    assert (sessions.current.id, sessions.current.had) == (None, "a")
