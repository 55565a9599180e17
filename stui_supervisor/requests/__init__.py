"""The user's requests: one at a time on the link, each answered exactly once, and what is promised about repeats.

Nothing here opens a link or decides whether there is one.
"""
