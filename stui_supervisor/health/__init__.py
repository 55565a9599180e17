"""Whether the other end is still there: the kernel, heartbeats and pings, and what is wrong with a link that is up.

Nothing here ends a link or changes the state; it gives a verdict.
"""
