"""A small subset of Smalltalk, enough to talk to a backend as one talks to an image.

Literals
    integers of any size (``42``, ``-7``, ``1e3``), floats (``3.25``, ``1.5e-3``), strings (``'it''s'``),
    symbols (``#plus``, ``#'two words'``), characters (``$x``), ``true``, ``false``, ``nil``;
    ``"comments"`` are skipped.
Expressions
    parentheses, unary before binary before keyword messages, each from left to right, so
    ``3 + 4 * 2`` is 14; statements parted by ``.``; ``name := expression``. A variable lasts as long
    as its workspace.
Messages
    the table in ``messages.py``: arithmetic with exact fractions, comparison, text, class queries,
    and ``(Delay forSeconds: n) wait``, which really waits.

There are no blocks, cascades, arrays, temporaries or methods. Whatever is not understood is an
EvaluationError that says so, and the cost of any code is bounded (``limits.py``).
"""
