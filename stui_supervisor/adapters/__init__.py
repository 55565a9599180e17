"""What touches the outside, one room for each kind: sockets, files, the keyring, the log, the host.

Nothing here decides; the ports say what each has to do, and the contract tests see to it.
"""
