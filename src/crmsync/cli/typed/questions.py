"""Questions about what was decided, and what would have been. None of them writes to a CRM."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Optional

import typer

from crmsync.cli.asked import Asked
from crmsync.cli.typed.options import AsOf, Config, Json, Language, Now

app = typer.Typer()


@app.command()
def explain(
    person: Annotated[str, typer.Argument(help="A person id, an e-mail address, or a record id of a CRM.")],
    config: Config = Path(),
    as_of: AsOf = None,
    now: Now = None,
    json: Json = False,
    language: Language = None,
) -> None:
    """One person from first touch to now: what was known, decided, written, and why."""
    from crmsync.cli.commands.explain import execute

    raise typer.Exit(execute(Asked(config, now, json, language), person, as_of))


@app.command()
def figures(
    views: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(metavar="[VIEW]...", help="What to look at; without one the chain and the SLA board.", show_default=False),
    ] = None,
    config: Config = Path(),
    since: Annotated[
        Optional[datetime],  # noqa: UP045
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day of the period; else this month."),
    ] = None,
    until: Annotated[
        Optional[datetime],  # noqa: UP045
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last day of the period; else today."),
    ] = None,
    by: Annotated[str, typer.Option("--by", metavar="SPAN", help="A row for each day, week, month or quarter.")] = "period",
    split: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--split", metavar="NAME", help="A row for each source, method, campaign … May be given more than once."),
    ] = None,
    cohort: Annotated[bool, typer.Option("--cohort", help="What became of those who entered; else what happened.")] = False,
    export: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--export", metavar="DIR", help="Write the views as files there; every view where none is named."),
    ] = None,
    suffix: Annotated[str, typer.Option("--format", metavar="csv|parquet", help="What kind of files.")] = "csv",
    as_of: AsOf = None,
    now: Now = None,
    json: Json = False,
    language: Language = None,
) -> None:
    """The chain of figures with its bottleneck, and the SLA board; or the views that are named (docs/figures.md)."""
    from crmsync.cli.commands.figures import Wanted, execute

    wanted = Wanted(views or (), since, until, as_of, by, split or (), cohort, export, suffix)
    raise typer.Exit(execute(Asked(config, now, json, language), wanted))


@app.command()
def gaps(config: Config = Path(), as_of: AsOf = None, json: Json = False, language: Language = None) -> None:
    """Every baton that is about to be dropped: what is missing, since when, and who must act."""
    from crmsync.cli.commands.gaps import execute

    raise typer.Exit(execute(Asked(config, None, json, language), as_of))


@app.command()
def agreement(
    config: Config = Path(),
    as_page: Annotated[bool, typer.Option("--html", help="One HTML page that prints well; else Markdown.")] = False,
    out: Annotated[Optional[Path], typer.Option("--out", help="Write it to this file; else to standard output.")] = None,  # noqa: UP045
    rules: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--rules", help="Of the rules in this directory; what it lacks is as in force."),
    ] = None,
    digest: Annotated[bool, typer.Option("--digest", help="Only the digest that both heads sign.")] = False,
    now: Now = None,
    language: Language = None,
) -> None:
    """The agreement between marketing and sales, as the running configuration has it, with the digest that both heads sign."""
    from crmsync.cli.commands.agreement import Wanted, execute

    raise typer.Exit(execute(Asked(config, now, language=language), Wanted(as_page, digest, rules, out)))


@app.command()
def replay(
    config: Config = Path(),
    until: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--until", metavar="RUN|MOMENT", help="Only up to this run, day or instant."),
    ] = None,
    json: Json = False,
    language: Language = None,
) -> None:
    """Decide every past cycle again from what was known then, and compare byte for byte. Contacts no CRM, writes nothing."""
    from crmsync.cli.commands.replay import execute

    raise typer.Exit(execute(Asked(config, None, json, language), until))


@app.command("what-if")
def what_if(
    rules: Annotated[Path, typer.Option("--rules", help="A directory with the other rules; what it lacks is as in force.")],
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    until: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    minutes: Annotated[int, typer.Option("--minutes", help="How long one first approach takes.", min=1)] = 30,
    config: Config = Path(),
    json: Json = False,
    language: Language = None,
) -> None:
    """Play past days under other rules, beside those in force and what happened. Contacts no CRM, writes nothing."""
    from crmsync.cli.commands.whatif import execute

    raise typer.Exit(execute(Asked(config, None, json, language), rules, since, until, minutes))


@app.command()
def shadow(
    since: Annotated[
        Optional[datetime],  # noqa: UP045
        typer.Option("--since", formats=["%Y-%m-%d"], help="Only what began on this day or later."),
    ] = None,
    config: Config = Path(),
    json: Json = False,
    language: Language = None,
) -> None:
    """Where the rules that run silently (`shadow` in crmsync.yaml) disagree with the live ones: who, since when, and why."""
    from crmsync.cli.commands.shadow import execute

    raise typer.Exit(execute(Asked(config, None, json, language), since))


@app.command()
def overrides(config: Config = Path(), json: Json = False, language: Language = None) -> None:
    """What people set after us, counted by what our value rested on: where a rule may be wrong."""
    from crmsync.cli.commands.overrides import execute

    raise typer.Exit(execute(Asked(config, None, json, language)))
