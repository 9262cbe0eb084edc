"""`python -m crmsync`: the command line, where no script directory is on the path."""

from crmsync.cli import main

main()
