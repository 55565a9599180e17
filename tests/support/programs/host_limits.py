"""What a program that embeds us may have set for the whole process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def digits_limited_to(digits: int) -> Iterator[None]:
    """As long as this lasts Python converts integers of so many digits; of any number with 0."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(digits)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)
