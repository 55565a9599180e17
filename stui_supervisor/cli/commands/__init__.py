"""One module for each command, or for each group of them, imported when it runs.

Nothing here is used by the library.
"""
