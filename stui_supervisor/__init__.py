"""The supervised link to a STUI backend."""
