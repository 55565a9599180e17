"""The supervisor's decisions, put together from the parts of the rooms below: inputs in, effects out.

There is no clock, no socket and no file here, and nobody else calls two of the parts.
"""
