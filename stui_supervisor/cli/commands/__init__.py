"""The commands. A module named after a command declares it; what it does is in ``…_action`` or ``…_actions``.

The latter are slow to import, so they are imported only when the command runs. Nothing here is used by the library.
"""
