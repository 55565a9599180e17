"""The places a core can be in: every state, and every phase within it."""

from __future__ import annotations

from stui_supervisor.config import Settings
from stui_supervisor.core import inputs
from stui_supervisor.link.phase import Phase
from tests.support.core.world import HERE, REFUSED, World, stored


def _restoring(world: World) -> None:
    world.start(HERE)


def _recovering_profile(world: World) -> None:
    world.profile = None
    world.start(HERE)
    world.loaded(stored(image_id="one"))
    world.wait(world.settings.restore_timeout_s)


def _connecting_loading(world: World) -> None:
    world.start()
    world.tell(inputs.Connect(HERE))


def _connecting_credential(world: World) -> None:
    world.start(HERE)
    world.loaded(stored(image_id="one"))


def _connecting_opening(world: World) -> None:
    _connecting_credential(world)
    if world.core._leaves.attempt.phase is Phase.CREDENTIAL:
        world.credential()


def _connecting_handshake(world: World) -> None:
    _connecting_opening(world)
    world.opened()


def _connecting_switching(world: World) -> None:
    _connecting_handshake(world)
    world.answer({"image_id": "another"})


def _connected(world: World) -> None:
    _connecting_handshake(world)
    world.shake_hands("one")


def _connected_asking(world: World) -> None:
    _connected(world)
    world.submit("evaluate", code="1")
    world.submit("evaluate", code="2")


def _degraded(world: World) -> None:
    _connected_asking(world)
    world.wait(5.0)


def _recovering_waiting(world: World) -> None:
    _connected(world)
    world.lost()


def _recovering_looking(world: World) -> None:
    _recovering_waiting(world)
    while world.core._leaves.attempt.phase is not Phase.OPENING:
        world.wait_for_deadline()
    world.lost(REFUSED)


def _recovering_credential(world: World) -> None:
    _recovering_waiting(world)
    world.wait_for_deadline()


def _recovering_opening(world: World) -> None:
    _recovering_credential(world)
    if world.core._leaves.attempt.phase is Phase.CREDENTIAL:
        world.credential()


def _recovering_handshake(world: World) -> None:
    _recovering_opening(world)
    world.opened()


def _recovering_switching(world: World) -> None:
    _recovering_handshake(world)
    world.answer({"image_id": "another"})


def _left_disconnected(world: World) -> None:
    world.start()
    world.loaded(stored(endpoint=str(HERE), wanted=False))


def _nothing_restored(world: World) -> None:
    world.start()
    world.loaded()


def _disconnected(world: World) -> None:
    _connected(world)
    world.tell(inputs.Disconnect())


def _rejected(world: World) -> None:
    _connecting_handshake(world)
    world.refuse("AuthenticationFailed")


def _stopped(world: World) -> None:
    _connected(world)
    world.tell(inputs.Stop())


PLACES = {
    "nothing restored": _nothing_restored,
    "left disconnected": _left_disconnected,
    "disconnected": _disconnected,
    "rejected": _rejected,
    "stopped": _stopped,
    "restoring": _restoring,
    "connecting, loading": _connecting_loading,
    "connecting, credential": _connecting_credential,
    "connecting, opening": _connecting_opening,
    "connecting, handshake": _connecting_handshake,
    "connecting, switching": _connecting_switching,
    "connected": _connected,
    "connected, asking": _connected_asking,
    "degraded": _degraded,
    "recovering, profile": _recovering_profile,
    "recovering, waiting": _recovering_waiting,
    "recovering, looking": _recovering_looking,
    "recovering, credential": _recovering_credential,
    "recovering, opening": _recovering_opening,
    "recovering, handshake": _recovering_handshake,
    "recovering, switching": _recovering_switching,
}


def at(place: str, settings: Settings | None = None) -> World:
    """A world whose core is in one of PLACES; only the places that wait for a credential have a keyring,
    and only the one that looks whether somebody listens can do so."""
    world = World(settings, has_credentials="credential" in place, can_look="looking" in place)
    PLACES[place](world)
    return world
