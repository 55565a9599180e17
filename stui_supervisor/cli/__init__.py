"""The command ``stui-supervisor``: its words, its options, and what a command's end means.

Nothing here supervises anything; a command uses the library as any program does.
"""
