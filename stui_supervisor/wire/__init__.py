"""STUI's messages: its two dialects, its commands, its notifications, and the limits on whatever a stranger sends.

Nothing here keeps anything from one message to the next, or knows of links, sessions or requests that wait.
"""
