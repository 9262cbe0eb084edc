"""Setting up, and trying out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from crmsync.cli.asked import Asked
from crmsync.cli.typed.options import Config, Json, Language, Now

app = typer.Typer()
sandbox = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Both CRMs as local HTTP servers, with people who live in them."
)
app.add_typer(sandbox, name="sandbox")
intake = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="What the CRMs say on their own: webhooks and change events."
)
app.add_typer(intake, name="intake")


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
