"""A line that delays, as a process of its own at a Linux host: a network device, and who hands its packets on.

``delay_line.py DEVICE SECONDS`` makes the device and prints its name. Each packet that is routed into the device
comes out of it so much later, for the host to route it on. It ends with its stdin, and so does the device.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import sys
import time
from collections import deque
from typing import Final

_TUNSETIFF: Final = 0x400454CA  # linux/if_tun.h, as are the flags
_IFF_TUN: Final = 0x0001
_IFF_NO_PI: Final = 0x1000
_PACKET_MAX_BYTES: Final = 65_536


def make(name: str) -> int:
    """The descriptor of a device of this name."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


def hand_on(device: int, delay_s: float) -> None:
    """Hand on every packet, each when it is due."""
    packets: deque[tuple[float, bytes]] = deque()
    while True:
        wait_s = max(0.0, packets[0][0] - time.monotonic()) if packets else None
        ready, _, _ = select.select([device, sys.stdin], [], [], wait_s)
        if sys.stdin in ready:
            return
        if device in ready:
            packets.append((time.monotonic() + delay_s, os.read(device, _PACKET_MAX_BYTES)))
        while packets and packets[0][0] <= time.monotonic():
            os.write(device, packets.popleft()[1])


if __name__ == "__main__":
    made = make(sys.argv[1])
    sys.stdout.write(f"{sys.argv[1]}\n")
    sys.stdout.flush()
    hand_on(made, float(sys.argv[2]))
