"""The event loop around the core: it feeds inputs, carries out effects, and keeps calls that block in threads.

Nothing here decides what should happen; it asks the core.
"""
