"""init: a commented configuration that runs."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from crmsync.bootstrap import shipped
from crmsync.cli.frame import FINE, answers, chosen_language
from crmsync.demo.configuration import write_configuration
from crmsync.errors import FixConfig, Problem
from crmsync.messages import say
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.roster import roster


@answers
def execute(directory: Path, language: str) -> int:
    words = chosen_language(language, "ja")
    try:
        write_configuration(directory, shipped("rules"), roster(WorldConfig()), words)
    except FileExistsError as error:
        raise FixConfig([Problem(str(directory), 1, 1, "cli.init_exists", {"directory": str(directory)})]) from error
    Console(soft_wrap=True).print(say("cli.init_done", words, directory=directory))
    return FINE
