"""What an image publishes unasked: where, the subscription beside the link, and from when to when some may be missed.

Nothing here changes the state; that a publisher is not heard any more is an answer to who asks.
"""
