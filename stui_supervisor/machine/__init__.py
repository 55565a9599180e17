"""The six states of a link, the table of what leads from one to another, and the object that assigns the state.

Nothing here knows why a trigger fires, what a link is, or what the time is.
"""
