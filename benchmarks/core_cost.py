"""What one request costs in the core: made, handed in, answered, and the time of the next deadline asked for twice.

    python -m benchmarks.core_cost

prints one JSON object. The figure is the least of many rounds, in microseconds of processor time.
"""

from __future__ import annotations

import json
import sys
from time import process_time

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Send
from tests.support.core.world import HERE, World, request, stored

ROUNDS = 40
REQUESTS = 500


def linked() -> World:
    """A core whose link is up."""
    world = World()
    world.start(HERE)
    world.loaded(stored(image_id="one"))
    world.opened()
    world.shake_hands("one")
    return world


def cost_us() -> float:
    """The cost of one request, the mean of one round."""
    world = linked()
    core, now = world.core, world.now
    answer = b'{"id":"%d","status":"success","result":{"value":3}}'
    began = process_time()
    for number in range(1000, 1000 + REQUESTS):
        submit = inputs.Submit(request(number, parameters={"code": "3 + 4"}, now=now))
        (send,) = (effect for effect in core.handle(submit, now) if isinstance(effect, Send))
        core.next_deadline()
        core.handle(inputs.Received(send.link, send.token, answer % number), now)
        core.next_deadline()
    return (process_time() - began) / REQUESTS * 1e6


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"request_us": round(min(cost_us() for _ in range(ROUNDS)), 2)}) + "\n")
