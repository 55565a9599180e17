"""The work context: its named sections, how two copies of it become one, and its form in a backend's session state.

Nothing here knows where the copies come from: neither files nor messages nor images.
"""
