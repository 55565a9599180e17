"""The tokens and our own keys, in the system's keyring or from the environment.

Nothing here writes a secret anywhere else.
"""
