"""The structured log: what it says about each event, and the bounded file that it goes to.

Nothing here is shown to the user, and no secret passes.
"""
