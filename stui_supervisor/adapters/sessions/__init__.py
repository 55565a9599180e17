"""The sessions on disk: claimed, read, written, listed, exported and removed.

Nothing here decides which session a start gets or how long one is kept; ``session`` does.
"""
