"""What outlives the process: the stored record, when it is written, which session a start claims, and what is kept.

Nothing here touches a file; ``adapters/sessions`` does, behind the messages of this room.
"""
