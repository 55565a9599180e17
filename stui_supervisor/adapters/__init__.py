"""What touches the outside: sockets, files, the environment, the log, the clock."""
