"""Who is at the other end: what a backend says of its image, its process and the session that it keeps for us.

Nothing here sends a message or decides what becomes of the link; it compares what was said.
"""
