"""The commands: each module declares its own; what is slow to import is in the ``…_action`` modules, for when it runs.

Nothing here is used by the library.
"""
