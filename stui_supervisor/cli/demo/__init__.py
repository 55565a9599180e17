"""``demo``: a link through all six states, explained as it happens.

Nothing here is needed by any other command.
"""
