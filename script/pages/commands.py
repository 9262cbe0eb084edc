"""The README's table of commands, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from crmsync.cli.app import app
from pages.markdown import code
from pages.markdown import table as markdown_table


def commands(group: Any = None, prefix: str = "crmsync") -> Iterator[tuple[str, Any]]:
    """(what is typed, command), groups opened."""
    whole: Any = group or typer.main.get_command(app)
    for name, command in whole.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def table() -> str:
    """Every command with its arguments, its sentence and its options."""
    rows = [[code(_typed(name, command)), _sentence(command), _options(command)] for name, command in commands()]
    return markdown_table(["command", "what it does", "options"], rows)


def _typed(name: str, command: Any) -> str:
    arguments = [str(p.name).upper() for p in command.params if p.param_type_name == "argument"]
    return " ".join([name, *arguments])


def _sentence(command: Any) -> str:
    return str(command.help or "").partition("\n\n")[0]


def _options(command: Any) -> str:
    return " ".join(code(p.opts[0]) for p in command.params if p.param_type_name == "option" and p.opts[0] != "--help")
