"""One file per command: read the arguments, call the use case, show what it gave, return the exit code."""
