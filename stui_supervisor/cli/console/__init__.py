"""What commands share: where they write, how they ask, the hints they give, and their exit codes.

Nothing here knows what a command does.
"""
