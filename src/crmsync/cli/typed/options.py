"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

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
By = Annotated[Optional[str], typer.Option("--by", metavar="NAME", help="Who says so; kept for good.")]  # noqa: UP045
Because = Annotated[Optional[str], typer.Option("--because", metavar="TEXT", help="Why; kept for good.")]  # noqa: UP045
