"""The witness of what is settled for the profile objects to a core that goes ahead without it."""

from __future__ import annotations

import pytest

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, OpenLink, ReadCredential, ReadProfile
from stui_supervisor.core.inputs import Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import StoreError
from stui_supervisor.machine.states import State
from stui_supervisor.profile import Profile
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.secret import Secret
from tests.simulation.settled import SERVER_KEY
from tests.simulation.settled_witness import SettledWitness
from tests.simulation.violation import Violation

HERE = Endpoint.parse("tcp://127.0.0.1:5555")
KEYED = Profile(name="default", server_keys={str(HERE): SERVER_KEY})
CURVE = CurveKeys(SERVER_KEY, "our public key", Secret("our secret key of some length"))


def saw(witness: SettledWitness, event: Input, *effects: Effect, now: float = 0.0, deadline: float = 1.0) -> None:
    witness.saw(event, effects, now, State.RECOVERING, deadline)


def a_witness_of_a_profile(profile: Profile) -> SettledWitness:
    witness = SettledWitness()
    saw(witness, inputs.Start(HERE), ReadProfile(1, "default"))
    saw(witness, inputs.ProfileRead(1, profile, ()))
    return witness


@pytest.mark.parametrize("effect", [ReadCredential(1, HERE), OpenLink(1, HERE, 1.0)], ids=["credential", "link"])
def test_nothing_is_begun_before_the_profile_is_known(effect: Effect) -> None:
    witness = SettledWitness()
    saw(witness, inputs.Start(HERE), ReadProfile(1, "default"))
    with pytest.raises(Violation, match="before the profile is known"):
        saw(witness, inputs.TimePassed(), effect)


@pytest.mark.parametrize("curve", [None, CURVE._replace(server="another")], ids=["no key", "another key"])
def test_a_link_has_the_pinned_key(curve: CurveKeys | None) -> None:
    witness = a_witness_of_a_profile(KEYED)
    saw(witness, inputs.TimePassed(), OpenLink(1, HERE, 1.0, CURVE))
    with pytest.raises(Violation, match="has its pinned key"):
        saw(witness, inputs.TimePassed(), OpenLink(2, HERE, 1.0, curve))


def test_a_reading_under_way_is_waited_for() -> None:
    witness = SettledWitness()
    saw(witness, inputs.Start(HERE), ReadProfile(1, "default"))
    with pytest.raises(Violation, match="reading 1 of the profile is waited for"):
        saw(witness, inputs.Reconnect(), ReadProfile(2, "default"))


def test_a_profile_that_could_not_be_read_is_asked_for_again_in_time_and_not_too_soon() -> None:
    witness = SettledWitness()
    saw(witness, inputs.TimePassed(), ReadProfile(1, "default"))
    saw(witness, inputs.ProfileFailed(1, StoreError("EIO")), now=1.0, deadline=31.0)
    with pytest.raises(Violation, match="is asked for again by 31"):
        saw(witness, inputs.TimePassed(), now=2.0, deadline=31.1)
    with pytest.raises(Violation, match="too soon"):
        saw(witness, inputs.TimePassed(), ReadProfile(2, "default"), now=1.9)
