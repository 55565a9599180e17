"""The lock under which sessions are claimed: ``<root>/claim.lock``.

It lets one process at a time claim, or look who is alive; without it a look would make a session seem taken just when
another process starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from stui_supervisor.adapters.files.links import is_there
from stui_supervisor.adapters.files.lock import SessionLock
from stui_supervisor.config import CLAIM_WAIT_S

_NAME: Final = "claim.lock"


class ClaimLock:
    """Keeps other processes out, as far as they can be.

    That is politeness only: where it cannot be had, or a process is frozen in a claim, the sessions' own locks keep the
    processes apart.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._is_inside: bool | None = None

    @contextmanager
    def held(self, *, make_file: bool = True, wait_s: float = CLAIM_WAIT_S) -> Iterator[bool]:
        """Gives True when no other process can be in here too. Inside another ``held`` it gives what that one gave."""
        if self._is_inside is not None:
            yield self._is_inside
            return
        path = os.path.join(self._root, _NAME)
        with ExitStack() as stack:
            is_ours = False
            with suppress(OSError):
                # On Windows the file goes with its holder: that there is none does not say that nobody was ever here.
                may_take = make_file or is_there(path) or (os.name == "nt" and os.path.isdir(self._root))
                is_ours = may_take and stack.enter_context(SessionLock(path).held(wait_s=wait_s))
            self._is_inside = is_ours
            try:
                yield is_ours
            finally:
                self._is_inside = None
