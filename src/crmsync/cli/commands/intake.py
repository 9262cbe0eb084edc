"""intake serve: listen to the CRMs until interrupted."""

from __future__ import annotations

import signal
import threading

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FAILED, FINE, answers, session, terminal
from crmsync.cli.logs import log_to_standard_error
from crmsync.messages import say


@answers
def execute(asked: Asked) -> int:
    from crmsync import bootstrap
    from crmsync.intake.listening import listening

    log_to_standard_error("info")  # a service says what it does
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    with session(asked) as at_work:
        console, connections = terminal(on_error=True), at_work.workspace.connections
        following = [c.name for c in connections if c.ears.events is not None]
        if not following and not any(c.ears.hooks for c in connections):
            console.print(say("cli.intake_nothing", at_work.words), soft_wrap=True)
            return FAILED
        with listening(at_work.workspace, bootstrap.wall_clock) as address:
            if address is not None:
                console.print(say("cli.intake_serving", at_work.words, address=address), soft_wrap=True)
            if following:
                console.print(say("cli.intake_following", at_work.words, connections=", ".join(following)), soft_wrap=True)
            stopping.wait()
        console.print(say("cli.stopped_cleanly", at_work.words), soft_wrap=True)
    return FINE
