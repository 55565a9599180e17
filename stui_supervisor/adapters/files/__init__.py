"""Private files that survive a crash: written whole, checked, locked, and set aside when they are damaged.

Nothing here knows what is in them.
"""
