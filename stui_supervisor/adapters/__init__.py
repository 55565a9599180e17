"""What touches the outside: sockets, files, the keyring, the log, the clock."""
