"""init: a commented configuration that runs."""

from __future__ import annotations

import os
from pathlib import Path

from crmsync.bootstrap import shipped
from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, answers, terminal
from crmsync.demo.configuration import write_configuration
from crmsync.errors import FixConfig, Problem
from crmsync.messages import say
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.roster import roster


@answers
def execute(asked: Asked, directory: Path) -> int:
    words = asked.words("en" if os.environ.get("CRMSYNC_LANGUAGE") == "en" else "ja")
    try:
        write_configuration(directory, shipped("rules"), roster(WorldConfig()), words)
    except FileExistsError as error:
        raise FixConfig([Problem(str(directory), 1, 1, "cli.init_exists", {"directory": str(directory)})]) from error
    terminal().print(say("cli.init_done", words, directory=directory), soft_wrap=True)
    return FINE
