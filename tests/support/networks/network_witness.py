"""A process in a network of its own: says when it begins to watch it, and each time that it changes.

With ``look`` it says instead what it sees there, once for each line on its standard input.
"""

from __future__ import annotations

import asyncio
import sys

from stui_supervisor.adapters.host.network import HostNetwork, _look, _Netlink


async def watch() -> None:
    network = HostNetwork()
    network.watch(lambda: say("changed"))
    assert isinstance(network._source, _Netlink)
    say("watching")
    await asyncio.to_thread(sys.stdin.readline)
    network.close()


def look() -> None:
    for _ in sys.stdin:
        say(str(_look()))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:] == ["look"]:
        look()
    else:
        asyncio.run(watch())
