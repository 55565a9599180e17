"""What a status says beside its facts: how things are in a sentence, and which problems there are now.

Nothing here finds anything out; it words what the other rooms know.
"""
