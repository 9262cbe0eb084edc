"""review: whose records are these? Listed, answered, taken back. Names are printed for whoever asks, and logged nowhere."""

from __future__ import annotations

import getpass

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, Session, answers, print_json, session, terminal
from crmsync.errors import StopConnector
from crmsync.messages import Language, say
from crmsync.sync.parting import take_back, unlink
from crmsync.sync.reviews import different, is_asked, open_reviews, same


@answers
def execute(asked: Asked, action: str, record: str | None, person: str | None, by: str | None) -> int:
    with session(asked) as at_work:
        if action == "list":
            _list(asked, at_work)
        elif action in ("same", "different", "undo") and record is not None:
            _answer(asked, at_work, action, record, person, by or getpass.getuser())
        else:
            raise StopConnector("review.bad_action", action=action)
    return FINE


def _answer(asked: Asked, at_work: Session, action: str, record: str, person: str | None, by: str) -> None:
    workspace, now = at_work.workspace, asked.moment().now
    if action == "same":
        person = same(workspace, record, person, by, now)
        code = "review.same"
    elif action == "different":
        if is_asked(workspace, record):
            different(workspace, record, person, by, now)
        else:
            unlink(workspace, record, by, now)
        code = "review.different"
    else:
        take_back(workspace, record, by, now)
        code = "review.undone"
    if asked.as_json:
        print_json({"record": record, "answer": action, "by": by})
    else:
        terminal().print(say(code, at_work.words, record=record, person=person))


def _list(asked: Asked, at_work: Session) -> None:
    found = open_reviews(at_work.workspace)
    if asked.as_json:
        print_json({"reviews": found})
    else:
        show(terminal(), found, at_work.words)


def show(console: Console, reviews: list[dict[str, object]], words: Language) -> None:
    """Each question with its candidates, and how to answer."""
    if not reviews:
        console.print(say("review.none", words))
        return
    for review in reviews:
        why = say(f"identity.review.{review['why']}", words)
        console.print(Text(say("review.asked", words, record=review["record"], shown=review["shown"], why=why), style="bold"))
        for candidate in review["candidates"]:  # type: ignore[attr-defined]  # a list of dicts
            shown = "; ".join(candidate["shown"])
            console.print(Padding(Text(say("review.candidate", words, person=candidate["person_id"], shown=shown)), (0, 0, 0, 2)))
    console.print(say("review.how", words))
