"""The command line. Commands import their work when they are called, so that `--help` and `--version` answer at once.

Exit codes: 0 fine, 1 work failed (a connection stopped, a change was refused, a baton was lost), 2 the configuration or the command
is wrong.
"""

from __future__ import annotations

import sys


def main() -> None:
    """The `crmsync` script."""
    if sys.argv[1:] == ["--version"]:
        from crmsync import __version__

        sys.stdout.write(f"crmsync {__version__}\n")
        return
    from crmsync.cli.app import app

    app()
