"""start: cycles on schedule, until told to stop."""

from __future__ import annotations

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, answers, session, terminal
from crmsync.cli.logs import log_to_standard_error
from crmsync.messages import say


@answers
def execute(asked: Asked) -> int:
    from crmsync import bootstrap
    from crmsync.schedule.local import serve

    log_to_standard_error("info")  # a service says what it does; nobody watches its tables
    with session(asked) as at_work:
        console = terminal(on_error=True)
        console.print(say("cli.started", at_work.words), soft_wrap=True)
        serve(at_work.workspace, bootstrap.wall_clock)
        console.print(say("cli.stopped_cleanly", at_work.words), soft_wrap=True)
    return FINE
