"""The reference backend: a small server that speaks STUI, for demonstrations and tests.

It serves one request at a time over ZeroMQ, in both dialects on one socket, with all session and
context commands, and is as deaf as a real image while it is busy.

What it is not: a Smalltalk (``smalltalk/`` says which small subset it evaluates), an image (there
are no classes to browse and nothing to debug), or a security boundary. The token is compared, the
cost of one request is bounded, and that is all; do not let strangers reach it.

``Backend`` itself is in ``stui_supervisor.backend.server``, so that reading options stays quick.
"""

from stui_supervisor.backend.options import add_arguments, main, run, settings_from
from stui_supervisor.backend.settings import BackendSettings

__all__ = ["BackendSettings", "add_arguments", "main", "run", "settings_from"]
