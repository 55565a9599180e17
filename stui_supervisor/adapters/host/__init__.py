"""What the machine gives: clocks, directories, threads, readiness of sockets, changes of the network.

Nothing here knows of links or sessions.
"""
