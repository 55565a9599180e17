"""Connections over ZeroMQ: links, subscriptions, looks at who listens, and why a connection failed.

Nothing here tries twice or keeps a message; when to try again is decided in ``link``.
"""
