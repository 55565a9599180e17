"""Large messages of ours: what of them may be under way still, and our heartbeats behind it."""

from __future__ import annotations

import math

from stui_supervisor.config import FRAME_SMALL_BYTES, HEARTBEATS_HEARD, UPLOAD_MIN_BYTES, UPLOAD_MIN_BYTES_PER_S
from stui_supervisor.health.sample import PathSample
from stui_supervisor.requests.request import Flight


class UploadWatch:
    """Silence means nothing before ``until``, a monotonic time: an answer may have to wait behind a message of ours."""

    def __init__(self, now: float) -> None:
        self._looked_at = now
        self._acked_bytes = self._received_bytes = 0
        self._had_outstanding = False
        self._run_bytes = 0
        self._ended_at = -math.inf
        self._sent_at: float | None = None
        self._handed_on_by = -math.inf
        self._arrivals = 0

    @property
    def until(self) -> float:
        """In the past when nothing large is under way."""
        return max(self._ended_at, self._handed_on_by)

    def asked(self, flight: Flight | None) -> None:
        """A look is on its way. A tunnel acknowledges what it has yet to hand on."""
        is_large = flight is not None and flight.size > UPLOAD_MIN_BYTES
        sent_at = flight.sent_at if flight is not None and is_large else None
        if sent_at != self._sent_at:
            self._sent_at, self._arrivals = sent_at, 0
        self._handed_on_by = -math.inf
        if flight is not None and is_large and self._arrivals < HEARTBEATS_HEARD:
            self._handed_on_by = flight.sent_at + flight.size / UPLOAD_MIN_BYTES_PER_S

    def saw(self, sample: PathSample, now: float) -> None:
        """Take in a look."""
        acked_bytes = sample.acked_bytes - self._acked_bytes
        goes_on = self._had_outstanding and acked_bytes > FRAME_SMALL_BYTES
        self._run_bytes = self._run_bytes + acked_bytes if goes_on else 0
        if self._run_bytes > UPLOAD_MIN_BYTES:
            self._ended_at = self._looked_at
        if sample.received_bytes > self._received_bytes and not sample.has_outstanding:
            # The first may answer a heartbeat that was sent before the message; the next was sent behind it.
            self._arrivals += 1
        self._had_outstanding, self._looked_at = sample.has_outstanding, now
        self._acked_bytes, self._received_bytes = sample.acked_bytes, sample.received_bytes
