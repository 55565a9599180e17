"""Tokens, keys and trust: what may be one, whom a connection may end at, and how tokens are kept out of what is shown.

Nothing here stores or sends anything; the keyring is in ``adapters/keyring``.
"""
