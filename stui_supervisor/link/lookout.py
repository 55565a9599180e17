"""Looking out for a backend on this machine, while nobody listens there.

A look is a connection that is given up at once. It costs a hundredth of an attempt, so it can be made many times a
second however long the backend is away. It is no attempt: when somebody listens an attempt begins.
"""

from __future__ import annotations

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.link.messages import LookOut


class Lookout:
    """At which endpoints it is looked now, and which are known to be on this machine.

    ``is_possible`` is False for links of a program's own: nobody knows where they lead.
    """

    def __init__(self, *, is_possible: bool) -> None:
        self._is_possible = is_possible
        self._number = 0
        self._present: tuple[Endpoint, ...] = ()
        self._here: set[Endpoint] = set()
        self._elsewhere: set[Endpoint] = set()
        self._has_called = False

    def is_here(self, endpoint: Endpoint) -> bool:
        """True for an endpoint of this machine, as its name or a failure there has shown."""
        return (endpoint.is_local or endpoint in self._here) and endpoint not in self._elsewhere

    def sees(self, endpoint: Endpoint) -> bool:
        """True for an endpoint at which it can be seen whether anybody listens."""
        return self._is_possible and self.is_here(endpoint)

    def take_over(self, endpoint: Endpoint, failure: Failure) -> bool:
        """An attempt failed, or a link was lost: True when looks take the place of the wait before the next attempt.

        Not for an attempt that a look had called for: looks and attempts disagree there, and would do so for ever.
        """
        if failure.is_here:
            self._here.add(endpoint)
        was_called, self._has_called = self._has_called, False
        return failure.kind is FailureKind.REFUSED and not was_called and self.sees(endpoint)

    def call(self, endpoint: Endpoint, *, is_listening: bool | None) -> None:
        """An attempt begins because somebody listens there, or because it cannot be looked at there."""
        self._has_called = True
        if is_listening is None:
            self._elsewhere.add(endpoint)

    def knows(self, number: int, endpoint: Endpoint) -> bool:
        """True when what was seen there belongs to the present looks."""
        return number == self._number and endpoint in self._present

    def look_at(self, endpoints: tuple[Endpoint, ...]) -> list[LookOut]:
        """Look at these from now on, and at nothing else."""
        if endpoints == self._present:
            return []
        return self.begin_anew(endpoints)

    def begin_anew(self, endpoints: tuple[Endpoint, ...]) -> list[LookOut]:
        """The same, as if nothing had been looked at yet."""
        self._number += 1
        self._present = endpoints
        return [LookOut(self._number, endpoints)]
