"""What happens to two images' work when one answers at the other's endpoint."""

from __future__ import annotations

import pytest

from stui_supervisor.config import Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Load, Release, Save
from stui_supervisor.core.inputs import Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.events import ContextSaved, SessionSwitched
from stui_supervisor.machine.states import BackendVerdict, State, Trigger
from stui_supervisor.peer.identity import identity_of
from tests.support.core.two_images import ONE, TWO, linked, loses_the_session, meet, switched, work_of, written_for
from tests.support.core.world import (
    HERE,
    THERE,
    World,
    endings,
    only,
    released,
    saved,
    saves,
    stored,
    told,
    triggers,
)


def test_another_image_gets_its_own_session_and_the_user_is_told() -> None:
    world = linked()
    assert meet(world, "two") == [Load(2, "default", identity_of("two"))]
    effects = world.loaded(TWO)
    (event,) = told(SessionSwitched, effects)
    assert (event.session_id, event.image_id, dict(world.context)) == ("b", "two", {"work": "two"})
    assert world.asked().parameters == {"session_id": "s2", "client_id": "c2"}
    world.shake_hands("two")
    assert (world.state, world.core.status(world.now).backend_verdict) == (
        State.CONNECTED,
        BackendVerdict.DIFFERENT_IMAGE,
    )


def test_the_first_images_unsaved_work_is_saved_under_its_own_session() -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    effects = world.loaded(TWO)
    assert saves(effects) == [("a", {"work": b'"one, changed"'})]
    assert only(Save, effects)[0].record.image_id == "one"
    assert released(effects) == ["a"]
    assert work_of(world) == "two"


def test_the_first_session_is_given_back_only_after_it_was_written() -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    world.disk_works = False
    effects = world.loaded(TWO)
    assert released(effects) == []
    (write,) = only(Save, effects)
    assert released(world.tell(saved(write))) == ["a"]


def test_after_the_switch_everything_is_written_to_the_second_session() -> None:
    world = linked()
    meet(world, "two")
    world.loaded(TWO)
    effects = world.shake_hands("two")
    world.context["work"] = "two, changed"
    effects += world.wait(1.0)
    assert saves(effects) == [("b", None), ("b", {"work": b'"two, changed"'})]
    assert only(Save, effects)[-1].record.image_id == "two"


def test_the_first_image_comes_back_to_its_own_work() -> None:
    world = switched()
    assert meet(world, "one") == [Load(3, "default", identity_of("one"))]
    effects = world.loaded(ONE)
    assert (work_of(world), released(effects)) == ("one", ["b"])


def test_the_end_of_the_program_writes_the_second_images_work_and_gives_its_session_back() -> None:
    world = switched()
    world.context["work"] = "two, changed"
    effects = [*world.tell(inputs.Stop()), *world.answer()]
    assert (saves(effects)[0], released(effects)) == (("b", {"work": b'"two, changed"'}), ["b"])


def test_the_second_images_session_knows_at_once_whose_it_is_and_what_the_user_wants() -> None:
    world = linked()
    meet(world, "two")
    world.loaded(stored("b", wanted=False))
    (save,) = only(Save, world.tell(inputs.Stop()))
    record = save.record
    assert (save.session_id, record.image_id, record.wanted, record.endpoint) == ("b", "two", True, str(HERE))


def test_an_image_without_a_session_of_its_own_gets_an_empty_one() -> None:
    world = linked()
    meet(world, "two")
    world.loaded(stored("b", endpoint=str(HERE)))
    world.shake_hands("two")
    assert (dict(world.context), world.record.image_id, world.core.session.id) == ({}, "two", "b")


def test_what_waits_for_the_first_image_is_not_sent_to_the_second() -> None:
    world = linked()
    world.lost()
    world.submit("evaluate", code="1")
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "two"})
    assert endings(world.loaded(TWO)) == [(1, "NotSent")]


# A switch that is interrupted


@pytest.mark.parametrize(
    ("what", "state", "trigger"),
    [
        ("loss", State.RECOVERING, None),
        ("connect", State.CONNECTING, Trigger.CONNECT),
        ("disconnect", State.DISCONNECTED, Trigger.DISCONNECT),
        ("stop", State.DISCONNECTED, Trigger.STOP),
    ],
)
def test_an_interrupted_switch_leaves_the_first_images_work_where_it_was(
    what: str, state: State, trigger: Trigger | None
) -> None:
    world = linked()
    meet(world, "two")
    events: dict[str, Input] = {
        "connect": inputs.Connect(THERE),
        "disconnect": inputs.Disconnect(),
        "stop": inputs.Stop(),
    }
    effects = world.lost() if what == "loss" else world.tell(events[what])
    assert (world.state, triggers(effects)) == (state, [trigger] if trigger else [])
    assert written_for("two", only(Save, effects)) == set()
    late = world.tell(inputs.Loaded(2, TWO))
    assert late == [Release("b")]
    assert (work_of(world), world.record.image_id, told(SessionSwitched, late)) == ("one", "one", [])


def test_a_one_off_link_does_not_care_which_image_answers() -> None:
    world = World(Settings(keeps_session=False))
    world.start(Endpoint.parse("tcp://127.0.0.1:5555"))
    world.link("one")
    world.lost()
    world.wait_for_deadline()
    world.opened()
    effects = world.answer({"image_id": "two"})
    assert (triggers(effects), only(Load, effects)) == ([Trigger.ESTABLISHED], [])


def test_the_first_images_context_saved_time_is_not_the_seconds() -> None:
    world = switched()
    world.context["work"] = "two, changed"
    effects = world.wait(1.0)
    assert len(told(ContextSaved, effects)) == 1


# One image at two endpoints


def test_each_endpoint_has_its_own_session_in_the_image_and_keeps_it() -> None:
    world = World()
    world.start(HERE)
    world.loaded(stored())
    world.link("one")
    world.tell(inputs.Connect(THERE))
    world.opened()
    world.answer({"image_id": "one"})
    assert world.asked().parameters["session_id"] == "made"  # it may be the same image under another name
    world.refuse("SessionNotFound")
    world.answer({"image_id": "one"})
    world.answer({"session_id": "made there"})
    assert world.core.status(world.now).backend_verdict is BackendVerdict.UNKNOWN
    for endpoint, session in ((HERE, "made"), (THERE, "made there"), (HERE, "made")):
        world.tell(inputs.Connect(endpoint))
        world.opened()
        world.answer({"image_id": "one"})
        assert (world.asked().command, world.asked().parameters["session_id"]) == ("restore_session", session)
        world.shake_hands("one")
        assert world.core.status(world.now).backend_verdict is BackendVerdict.RESUMED


def test_a_session_that_its_own_endpoint_has_lost_was_restarted() -> None:
    world = World()
    world.start(HERE)
    world.loaded(stored())
    world.link("one")
    loses_the_session(world, "made again")
    assert world.core.status(world.now).backend_verdict is BackendVerdict.RESTARTED
