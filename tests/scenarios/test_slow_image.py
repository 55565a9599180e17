"""An image that answers every ping, but late: the link is kept, and the user is told."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from stui_supervisor import DegradedReason, Settings, State, Supervisor
from tests.support.processes.strange_servers import Frames, ScriptedServer, like_an_old_server
from tests.support.programs.watching import LIMIT_S, entering

SLOW_S = 0.3
ATTENTIVE = Settings(ping_interval_s=0.05, slow_ping_interval_s=0.05, slow_after_s=SLOW_S)


async def test_an_image_whose_pings_take_long_is_slow_until_one_is_quick(tmp_path: Path) -> None:
    delays = [0.0]

    def answer(token: bytes, body: bytes) -> Iterable[Frames]:
        time.sleep(delays[-1])
        return like_an_old_server(token, body)

    with ScriptedServer(answer) as server:
        async with Supervisor(server.endpoint, home=tmp_path, settings=ATTENTIVE) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            stream = supervisor.events()
            delays.append(SLOW_S)
            assert (await entering(stream, State.DEGRADED)).reason.startswith("slow: a ping took ")
            assert supervisor.status().degraded_reason is DegradedReason.SLOW
            delays.append(0.0)
            await entering(stream, State.CONNECTED)
            assert supervisor.status().degraded_reason is None
