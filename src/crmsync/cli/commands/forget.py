"""forget: a person out of everything stored here: shown in numbers first, erased when asked. Nothing printed names them."""

from __future__ import annotations

from typing import Any

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FAILED, FINE, Session, answers, print_json, session, terminal
from crmsync.messages import say
from crmsync.sync.forget import Forgetting, forget, prepare_forgetting, readmit


@answers
def execute(asked: Asked, person: str, apply: bool, letting_in: bool) -> int:
    now = asked.moment().now
    with session(asked) as at_work:
        if letting_in:
            return _let_in(asked, at_work, person)
        found = (forget if apply else prepare_forgetting)(at_work.workspace, person, now)
        if asked.as_json:
            print_json(forgetting_json(found, erased=apply))
        else:
            numbers = {"records": found.records, "events": found.events, "mentions": found.mentions, "addresses": found.addresses}
            terminal().print(say("forget.done" if apply else "forget.shown", at_work.words, **numbers))
    return FINE


def forgetting_json(found: Forgetting, *, erased: bool) -> dict[str, Any]:
    return {
        "erased": erased,
        "records": found.records,
        "events": found.events,
        "mentions": found.mentions,
        "addresses": found.addresses,
    }


def _let_in(asked: Asked, at_work: Session, text: str) -> int:
    count = readmit(at_work.workspace, text)
    if asked.as_json:
        print_json({"readmitted": count})
    else:
        terminal().print(say("forget.readmitted" if count else "forget.unknown", at_work.words, count=count))
    return FINE if count else FAILED
