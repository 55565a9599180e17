"""Errors of a disk that may be over at the next try, as those of a network disk or of a cable that is loose.

What cannot be read is not known, so nothing is decided by the first such error. Where it stays so, that is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from stui_supervisor.adapters.files.links import UnsafeLink
from stui_supervisor.adapters.files.private_files import is_out_of_means
from stui_supervisor.config import DISK_TRIES, DISK_TRY_S

_T = TypeVar("_T")


def patiently(call: Callable[[], _T], troubles: Callable[[_T], object]) -> _T:
    """The result of the call, repeated a few times while it raises what may pass, or its result has ``troubles``."""
    try:
        result = call()
    except OSError as error:
        if not may_pass(error):
            raise
    else:
        if not troubles(result):
            return result
    from tenacity import Retrying, retry_if_exception, retry_if_result, stop_after_attempt, wait_fixed  # noqa: PLC0415 - rarely used

    retrying = Retrying(
        retry=retry_if_exception(may_pass) | retry_if_result(lambda result: bool(troubles(result))),
        stop=stop_after_attempt(DISK_TRIES),
        wait=wait_fixed(DISK_TRY_S),
        retry_error_callback=lambda last: last.outcome.result() if last.outcome else call(),
    )
    return retrying(call)


def may_pass(error: BaseException) -> bool:
    """True for an error of the disk that a later try may not meet; running out of descriptors or memory is none."""
    is_final = isinstance(error, FileNotFoundError | NotADirectoryError | UnsafeLink)
    return isinstance(error, OSError) and not is_final and not is_out_of_means(error)
