"""The witness of identities objects to a core that takes one image for another, or does not look."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from stui_supervisor.config import Settings
from stui_supervisor.context.context import Context
from stui_supervisor.core import inputs
from stui_supervisor.core.core import Core
from stui_supervisor.core.effects import Effect, OpenLink, Send
from stui_supervisor.core.inputs import Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.profile import Profile
from stui_supervisor.testing import VirtualClock
from stui_supervisor.wire.dialects import Dialect, Operation, encode
from stui_supervisor.wire.service import Request as Asked
from stui_supervisor.wire.service import encode_result
from tests.simulation.identities import NULL, canonical, named, spellings
from tests.simulation.identity_witness import IdentityWitness
from tests.simulation.violation import Violation

AT = VirtualClock().utc()
HERE = Endpoint.parse("tcp://127.0.0.1:5555")


class Watched:
    """A witness that is shown one link; each ping is answered at once."""

    def __init__(self, pin: str | None = None) -> None:
        core = Core(
            profile="default",
            settings=Settings(),
            rng=Random(0),  # noqa: S311  # of a test
            context=Context("a test", lambda: None),
            pid=1,
            has_credentials=False,
        )
        self._witness = IdentityWitness(core)
        self._tokens = 0
        self.saw(inputs.ProfileRead(1, Profile(name="default", pin_image=pin), ()), OpenLink(1, HERE, 1.0))

    def saw(self, event: Input, *effects: Effect, now: float = 0.0) -> None:
        self._witness.saw(event, effects, now)

    def says(self, command: str, *, now: float = 0.0) -> bytes:
        self._tokens += 1
        token = bytes([self._tokens])
        body = encode(Dialect.COMMAND, Operation(command, {"session_id": "s"}), message_id="1", at=AT)
        self.saw(inputs.TimePassed(), Send(1, token, body), now=now)
        return token

    def pings(self, image_id: Any, *, now: float = 0.0) -> None:
        reply = encode_result(Asked(Dialect.COMMAND, "1", "ping", {}), named(image_id), at=AT)
        self.saw(inputs.Received(1, self.says("ping", now=now), reply), now=now)


@pytest.mark.parametrize("image_id", ["8", 7.5, None, NULL, "", {"name": 7}], ids=repr)
def test_a_pinned_profile_speaks_to_its_image_only(image_id: Any) -> None:
    watched = Watched(pin="7")
    watched.pings(7)
    watched.says("create_session")
    watched.pings(image_id)
    with pytest.raises(Violation, match="goes to the pinned image only"):
        watched.says("create_session")


def test_no_request_goes_out_on_a_look_older_than_ten_seconds() -> None:
    watched = Watched()
    watched.pings(7, now=5.0)
    watched.says("evaluate", now=15.0)
    with pytest.raises(Violation, match=r"no request goes out on a look that is 10\.001 s old"):
        watched.says("evaluate", now=15.001)


def test_equal_names_have_one_form_and_no_name_has_none() -> None:
    assert canonical({"b": 1, "a": 2}) == canonical({"a": 2, "b": 1})
    assert len({canonical(name) for name in (7, "7", False, "false", 0, "0")}) == 6
    assert {canonical(name) for name in (None, NULL, "")} == {None}


def test_a_pin_may_be_spelt_as_it_is_shown_as_it_is_or_as_json() -> None:
    assert spellings("Pharo") == ("Pharo", "Pharo", '"Pharo"')
    assert spellings(7) == ("7", "7", "7")
    long = "x" * 300
    assert spellings(long)[1:] == (long, f'"{long}"')
    assert spellings(long)[0].startswith("sha256:")
