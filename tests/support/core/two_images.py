"""Two images that answer at one endpoint, each with a session of its own."""

from __future__ import annotations

from stui_supervisor.core.effects import Load, Save
from tests.support.core.world import HERE, World, only, section, stored

ONE = stored("a", {"work": section("one")}, endpoint=str(HERE), image_id="one", backend_session="s1", client_id="c1")
TWO = stored("b", {"work": section("two")}, endpoint=str(HERE), image_id="two", backend_session="s2", client_id="c2")


def linked(*, disk_works: bool = True) -> World:
    """Connected to image one with its session; everything is on disk."""
    world = World(disk_works=disk_works)
    world.start()
    world.loaded(ONE)
    world.link("one")
    return world


def meet(world: World, image_id: str) -> list[Load]:
    """The link is lost, and at the next one this image answers the ping; what the store is asked for."""
    world.lost()
    world.wait_for_deadline()
    world.opened()
    return only(Load, world.answer({"image_id": image_id}))


def loses_the_session(world: World, made: str) -> None:
    """Image one answers at the next link, has lost the session, and makes this one."""
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "one"})
    world.refuse("SessionNotFound")
    world.answer({"image_id": "one"})
    world.answer({"session_id": made})


def switched() -> World:
    """Image two answers where image one did, and its own session is in use."""
    world = linked()
    meet(world, "two")
    world.loaded(TWO)
    world.shake_hands("two")
    return world


def work_of(world: World) -> object:
    return world.context.get("work")


def written_for(image_id: str, effects: list[Save]) -> set[str]:
    return {effect.session_id for effect in effects if effect.record.image_id == image_id}
