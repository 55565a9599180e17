"""What a person has settled for the profile in one life: a pinned image, the keys of the servers, a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.profile import Profile
from tests.simulation.identities import canonical, spellings

SERVER_KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"  # from ZeroMQ RFC 26
OTHER_KEY = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"  # from the same
_PINNED = 0.15
_KEYED = 0.15
_TOKEN_OF_PROFILE = 0.5  # of the lives with a token; in the others the program brings it


@dataclass(frozen=True, slots=True)
class Settled:
    """``pin`` is the name of the pinned image, and how it was spelt; ``key`` is that of every server."""

    pin: tuple[Any, str] | None
    key: str | None
    uses_token: bool

    def profile(self, name: str, endpoints: Sequence[Endpoint], *, has_failover: bool) -> Profile:
        """As it is stored."""
        texts = tuple(map(str, endpoints))
        return Profile(
            name=name,
            endpoints=texts if has_failover else (),
            failover=has_failover,
            pin_image=self.pin[1] if self.pin else None,
            uses_token=self.uses_token,
            server_keys=dict.fromkeys(texts, self.key) if self.key else {},
        )


def something_settled(rng: Random, names: Sequence[Any], *, has_token: bool) -> Settled:
    """In most lives little or nothing."""
    pin = None
    if rng.random() < _PINNED:
        image = rng.choice([name for name in names if canonical(name) is not None])
        pin = image, rng.choice(spellings(image))
    key = SERVER_KEY if rng.random() < _KEYED else None
    return Settled(pin, key, has_token and rng.random() < _TOKEN_OF_PROFILE)
