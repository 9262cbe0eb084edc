"""Cycles: what is pulled, planned, applied, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from crmsync.cli.asked import Asked
from crmsync.cli.typed.options import Because, By, Config, Json, Language, Now

app = typer.Typer()


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Where to write; must not hold a configuration yet.")],
    language: Language = None,
) -> None:
    """Write a commented configuration that runs against the sandbox, ready to be pointed at real CRMs."""
    from crmsync.cli.commands.init import execute

    raise typer.Exit(execute(Asked(language=language), directory))


@app.command()
def check(config: Config = Path(), json: Json = False, language: Language = None) -> None:
    """Read the whole configuration and report every problem with file, line, column and remedy."""
    from crmsync.cli.commands.check import execute

    raise typer.Exit(execute(Asked(config, None, json, language)))


@app.command()
def pull(config: Config = Path(), now: Now = None, json: Json = False, language: Language = None) -> None:
    """Bring the local model up to date. Writes to no CRM."""
    from crmsync.cli.commands.cycle import pull as execute

    raise typer.Exit(execute(Asked(config, now, json, language)))


@app.command()
def plan(
    config: Config = Path(),
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", metavar="FILE", help="Keep the plan whole in this file, for `apply FILE`."),
    ] = None,
    now: Now = None,
    json: Json = False,
    language: Language = None,
) -> None:
    """Pull, decide, and show every change that `apply` would make. Writes to no CRM."""
    from crmsync.cli.commands.cycle import plan as execute

    raise typer.Exit(execute(Asked(config, now, json, language), out))


@app.command()
def apply(
    file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(metavar="[FILE]", help="A plan kept with `plan --out`; else the last one shown.", show_default=False),
    ] = None,
    config: Config = Path(),
    digest: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--digest", help="The plan to apply; else the last one shown."),
    ] = None,
    release: Annotated[bool, typer.Option("--release", help="Release what guards halt of it; needs --by and --because.")] = False,
    by: By = None,
    because: Because = None,
    now: Now = None,
    json: Json = False,
    language: Language = None,
) -> None:
    """Write exactly what the last plan showed; refuse if what is known has changed since."""
    from crmsync.cli.commands.cycle import Wanted
    from crmsync.cli.commands.cycle import apply as execute

    raise typer.Exit(execute(Asked(config, now, json, language), Wanted(file, digest, release, by, because)))


@app.command()
def release(
    digest: Annotated[str, typer.Argument(help="The digest of a plan that a guard halted.")],
    config: Config = Path(),
    by: By = None,
    because: Because = None,
    now: Now = None,
    json: Json = False,
    language: Language = None,
) -> None:
    """Let the changes of one halted plan go: the next cycle writes them. Who, when and why are kept."""
    from crmsync.cli.commands.release import execute

    raise typer.Exit(execute(Asked(config, now, json, language), digest, by, because))


@app.command()
def valve(
    action: Annotated[str, typer.Argument(help="show, veto or lift.")] = "show",
    version: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(help="With veto: the last move, to be put back. Without it the valve stays where it stands."),
    ] = None,
    config: Config = Path(),
    department: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--department", help="Whose head vetoes: marketing or inside_sales."),
    ] = None,
    until: Annotated[Optional[str], typer.Option("--until", metavar="DAY", help="The last day of the veto.")] = None,  # noqa: UP045
    by: By = None,
    because: Because = None,
    now: Now = None,
    json: Json = False,
    language: Language = None,
) -> None:
    """Where the valve stands and how it moved. A head of either side may veto a move; who, when and why are kept."""
    from crmsync.cli.commands.valve import Wanted, execute

    raise typer.Exit(execute(Asked(config, now, json, language), Wanted(action, version, department, until, by, because)))


@app.command()
def run(config: Config = Path(), now: Now = None, json: Json = False, language: Language = None) -> None:
    """One whole cycle: pull, decide, plan, apply, record."""
    from crmsync.cli.commands.cycle import run as execute

    raise typer.Exit(execute(Asked(config, now, json, language)))


@app.command()
def start(config: Config = Path(), language: Language = None) -> None:
    """Run cycles on schedule until told to stop (SIGTERM ends after the cycle at hand)."""
    from crmsync.cli.commands.start import execute

    raise typer.Exit(execute(Asked(config, language=language)))
