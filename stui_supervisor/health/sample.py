"""One look at a connection, and who says that a link is dead."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class PathSample(NamedTuple):
    """One look at a connection, as the kernel keeps it (Linux: ``TCP_INFO``, tcp(7)).

    The times are those since the last byte and the last acknowledgement came; the counts run from
    the start. ``has_outstanding`` is True while bytes of ours are unsent or not acknowledged, ``is_held_back``
    while the other end's system has acknowledged whatever it has let us send, and takes no more.
    """

    received_ago_s: float
    acked_ago_s: float
    received_bytes: int
    acked_bytes: int
    has_outstanding: bool
    is_held_back: bool = False


class LivenessSource(StrEnum):
    """Who says that a link is dead.

    ``KERNEL`` is asked about the connection, ``HEARTBEAT`` is libzmq alone, by its own timeout.
    """

    KERNEL = "kernel"
    HEARTBEAT = "heartbeat"


def source_of(sample: PathSample | None) -> LivenessSource:
    """The kernel, where the look at a connection showed something: TCP on Linux."""
    return LivenessSource.HEARTBEAT if sample is None else LivenessSource.KERNEL
