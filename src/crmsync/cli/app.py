"""What can be typed. Each command is a thin call of `commands/<name>.py`, imported when it runs."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Optional

import typer

from crmsync.cli.asked import Asked

app = typer.Typer(
    name="crmsync",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Close the loop between marketing and sales inside the CRMs you already use.",
    epilog="Exit codes: 0 fine; 1 work failed; 2 the configuration or the command is wrong.",
)
sandbox = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Both CRMs as local HTTP servers, with people who live in them."
)
app.add_typer(sandbox, name="sandbox")
intake = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="What the CRMs say on their own: webhooks and change events."
)
app.add_typer(intake, name="intake")

Config = Annotated[
    Path, typer.Option("--config", "-c", envvar="CRMSYNC_CONFIG", help="The configuration directory.", show_default="here")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON with a stable shape instead of tables.")]
Now = Annotated[
    Optional[str],  # noqa: UP045 - typer reads the annotation at run time
    typer.Option("--now", metavar="INSTANT", help="Rehearse at this instant (ISO 8601 with zone), on no other clock."),
]
AsOf = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--as-of", metavar="MOMENT", help="As it was known and decided then: a day (its end) or an instant with zone."),
]
Language = Annotated[Optional[str], typer.Option("--language", "-l", help="ja or en; else what the configuration says.")]  # noqa: UP045


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


By = Annotated[Optional[str], typer.Option("--by", metavar="NAME", help="Who says so; kept for good.")]  # noqa: UP045
Because = Annotated[Optional[str], typer.Option("--because", metavar="TEXT", help="Why; kept for good.")]  # noqa: UP045


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
def overrides(config: Config = Path(), json: Json = False, language: Language = None) -> None:
    """What people set after us, counted by what our value rested on: where a rule may be wrong."""
    from crmsync.cli.commands.overrides import execute

    raise typer.Exit(execute(Asked(config, None, json, language)))


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


@app.command()
def provision(
    config: Config = Path(),
    apply: Annotated[bool, typer.Option("--apply", help="Create what is missing; else it is only shown.")] = False,
    json: Json = False,
    language: Language = None,
) -> None:
    """Show the custom fields that the mappings want in each CRM, and create them with --apply. Deletes nothing."""
    from crmsync.cli.commands.provision import execute

    raise typer.Exit(execute(Asked(config, language=language, as_json=json), apply))


@app.command()
def doctor(
    connection: Annotated[Optional[str], typer.Argument(help="Only this connection.", show_default="all")] = None,  # noqa: UP045
    config: Config = Path(),
    now: Now = None,
    json: Json = False,
    language: Language = None,
) -> None:
    """Say what each connection can do and cannot, and the remedy: credentials, permissions, limits, versions. Writes to no CRM."""
    from crmsync.cli.commands.doctor import execute

    raise typer.Exit(execute(Asked(config, now, json, language), connection))


@app.command()
def demo(
    days: Annotated[int, typer.Option(help="Virtual days to play.", min=1, max=120)] = 28,
    people: Annotated[int, typer.Option(help="People in the sandbox at the start.", min=20, max=5000)] = 300,
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 7,
    directory: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Keep the demo's configuration and database here; else a directory that is removed."),
    ] = None,
    json: Json = False,
    language: Language = None,
) -> None:
    """Play some weeks on a virtual clock: a HubSpot and a Salesforce over HTTP, decided and written back."""
    from crmsync.cli.commands.demo import execute

    raise typer.Exit(execute(Asked(as_json=json, language=language), days, people, seed, directory))


@intake.command("serve")
def intake_serve(config: Config = Path(), language: Language = None) -> None:
    """Listen until told to stop, without running cycles: `start` does both in one process."""
    from crmsync.cli.commands.intake import execute

    raise typer.Exit(execute(Asked(config, language=language)))


@sandbox.command()
def serve(
    people: Annotated[int, typer.Option(help="People at the start.", min=0)] = 400,
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 7,
    salesforce_port: Annotated[int, typer.Option(help="0 takes any free port.")] = 8811,
    hubspot_port: Annotated[int, typer.Option(help="0 takes any free port.")] = 8812,
    tls_cert: Annotated[Optional[Path], typer.Option(help="PEM certificate: serve https instead of http.")] = None,  # noqa: UP045
    tls_key: Annotated[Optional[Path], typer.Option(help="PEM key of the certificate.")] = None,  # noqa: UP045
    start_at: Annotated[Optional[str], typer.Option("--now", metavar="INSTANT", help="Where its clock stands.")] = None,  # noqa: UP045
    vendor_limits: Annotated[bool, typer.Option(help="Enforce the vendors' rate limits.")] = False,
    stock: Annotated[bool, typer.Option(help="Without crmsync's custom fields: an org and a portal as delivered.")] = False,
    language: Language = None,
) -> None:
    """Serve a Salesforce and a HubSpot on this machine until interrupted."""
    from crmsync.cli.commands.serve import Wanted, execute

    ports = {"salesforce": salesforce_port, "hubspot": hubspot_port}
    wanted = Wanted(people, seed, ports, tls_cert, tls_key, vendor_limits, stock)
    raise typer.Exit(execute(Asked(now=start_at, language=language), wanted))
