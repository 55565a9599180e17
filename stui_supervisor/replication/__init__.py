"""The image's copy of the work: when it is behind, when it is pushed, and when to ask again for what was denied.

Nothing here says or reads a message; it answers when something is due.
"""
