"""Making a link: which endpoint is tried, when the next attempt begins, and what is said before the link counts as up.

Nothing here knows of the user's requests, or sends anything itself.
"""
