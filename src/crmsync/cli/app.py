"""The command `crmsync`: everything that can be typed."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from crmsync.cli.typed import cycles, mending, questions, setting_up

app = typer.Typer(
    name="crmsync",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Close the loop between marketing and sales inside the CRMs you already use.",
    epilog="Exit codes: 0 fine; 1 work failed; 2 the configuration or the command is wrong.",
)
for part in (cycles, questions, mending, setting_up):
    app.add_typer(part.app)


@app.callback(invoke_without_command=True)
def _main(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is done (ids, counts).")] = False,
) -> None:
    if verbose:
        os.environ["CRMSYNC_LOG_LEVEL"] = "info"
    if version:
        from crmsync import __version__

        typer.echo(f"crmsync {__version__}")
        raise typer.Exit
