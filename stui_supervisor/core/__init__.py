"""The supervisor's decisions, put together from the parts of the rooms below: inputs in, effects out.

There is no clock, no socket and no file here. Only the core brings the answers of several rooms together.
"""
