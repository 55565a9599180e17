"""The profiles on disk: ``profiles.json``, its backup, and what a person decides when it is damaged.

Nothing here decides what a profile means for a link.
"""
