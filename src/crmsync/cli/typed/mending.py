"""What people put right: writes taken back, dead letters, who is who, who wants to be forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from crmsync.cli.asked import Asked
from crmsync.cli.typed.options import Config, Json, Language, Now

app = typer.Typer()


@app.command()
def undo(
    run: Annotated[Optional[str], typer.Argument(help="The run to take back; without one the latest runs are listed.")] = None,  # noqa: UP045
    config: Config = Path(),
    apply: Annotated[bool, typer.Option("--apply", help="Put the former values back; else it is only shown.")] = False,
    release: Annotated[
        bool, typer.Option("--release", help="Let the next cycle write again what undoing this run put back.")
    ] = False,
    now: Now = None,
    json: Json = False,
    language: Language = None,
) -> None:
    """Take back what a run wrote, where nobody has changed it since. Deletes nothing: tasks it made are closed."""
    from crmsync.cli.commands.undo import execute

    raise typer.Exit(execute(Asked(config, now, json, language), run, apply, release))


@app.command()
def letters(config: Config = Path(), now: Now = None, json: Json = False, language: Language = None) -> None:
    """Dead letters: changes that a CRM refused, by cause, with what to do about each. They stay until something changes."""
    from crmsync.cli.commands.letters import execute

    raise typer.Exit(execute(Asked(config, now, json, language)))


@app.command()
def retry(
    config: Config = Path(),
    cause: Annotated[Optional[str], typer.Option("--cause", help="A cause that `letters` shows.")] = None,  # noqa: UP045
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
    json: Json = False,
    language: Language = None,
) -> None:
    """Let the next cycle send dead letters again, of one cause or all. Writes to no CRM itself."""
    from crmsync.cli.commands.letters import retry as execute

    raise typer.Exit(execute(Asked(config, None, json, language), cause, everything))


@app.command()
def forget(
    person: Annotated[str, typer.Argument(help="A person id, an e-mail address, or a record id of a CRM.")],
    config: Config = Path(),
    apply: Annotated[
        bool, typer.Option("--apply", help="Erase; else it is only shown how much there is. Cannot be undone.")
    ] = False,
    readmit: Annotated[
        bool, typer.Option("--readmit", help="Somebody forgotten has come back: let this address or connection/object/id in again.")
    ] = False,
    now: Now = None,
    json: Json = False,
    language: Language = None,
) -> None:
    """Erase a person from everything stored here, for good, and keep them out. Figures stay. Contacts no CRM."""
    from crmsync.cli.commands.forget import execute

    raise typer.Exit(execute(Asked(config, now, json, language), person, apply, readmit))


@app.command()
def review(
    action: Annotated[str, typer.Argument(help="list, same, different, or undo.")] = "list",
    record: Annotated[Optional[str], typer.Argument(help="The record, as `list` shows it.")] = None,  # noqa: UP045
    person: Annotated[str | None, typer.Argument(help="The person that it is, or is not; of one candidate it is that one.")] = None,
    by: Annotated[Optional[str], typer.Option("--by", help="Who says so; else the user of this machine.")] = None,  # noqa: UP045
    config: Config = Path(),
    now: Now = None,
    json: Json = False,
    language: Language = None,
) -> None:
    """Records of which it is not clear whose they are: list them, answer, or take an answer back."""
    from crmsync.cli.commands.review import execute

    raise typer.Exit(execute(Asked(config, now, json, language), action, record, person, by))
