"""letters, retry: what the CRMs refused, why, and sending it again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, answers, print_json, session, terminal
from crmsync.errors import StopConnector
from crmsync.messages import Language, name_of, say
from crmsync.planning.letters import Letters
from crmsync.sync.brief import moment as in_words
from crmsync.sync.letters import dead_letters
from crmsync.sync.letters import retry as retry_letters

# The records of a cause share their fate: a few show what they are, --json shows all.
MOST_RECORDS = 5


@answers
def execute(asked: Asked) -> int:
    now = asked.moment().now
    with session(asked) as at_work:
        found = dead_letters(at_work.workspace)
        if asked.as_json:
            print_json({"letters": letters_json(found, now)})
        else:
            show(terminal(), found, at_work.workspace.definitions.targets.time_zone, at_work.words)
    return FINE


@answers
def retry(asked: Asked, cause: str | None, everything: bool) -> int:
    if (cause is None) == (not everything):
        raise StopConnector("letters.which")
    with session(asked) as at_work:
        count = retry_letters(at_work.workspace, cause)
        if asked.as_json:
            print_json({"retried": count})
        else:
            terminal().print(say("letters.retried", at_work.words, count=count))
    return FINE


def letters_json(found: Sequence[Letters], now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "connection": group.connection,
            "object": group.object,
            "cause": group.cause,
            "code": group.code,
            "message": group.message,
            "fields": list(group.fields),
            "first_at": group.first_at,
            "last_at": group.last_at,
            "oldest_hours": round((now - group.first_at).total_seconds() / 3600, 1),
            "remedy": {language: name_of("remedy", group.cause, language) for language in ("en", "ja")},
            "letters": [
                {
                    "target": letter.target,
                    "person_id": letter.person_id,
                    "first_at": letter.first_at,
                    "last_at": letter.last_at,
                    "tries": letter.tries,
                }
                for letter in group.letters
            ],
        }
        for group in found
    ]


def show(console: Console, found: Sequence[Letters], zone: str, words: Language) -> None:
    """A paragraph for each cause: ours, the CRM's words, what to do, some of the records."""
    if not found:
        console.print(say("letters.none", words))
    for group in found:
        headline = say(
            "letters.group",
            words,
            cause=name_of("cause", group.cause, words),
            name=group.cause,
            connection=group.connection,
            object=group.object,
            count=len(group.letters),
            since=in_words(group.first_at, zone, words),
            last=in_words(group.last_at, zone, words),
            tries=max(letter.tries for letter in group.letters),
        )
        console.print(Text("\n" + headline, style="bold"))
        said = say("letters.said", words, connection=group.connection, code=group.code, message=group.message)
        for line in (said, name_of("remedy", group.cause, words), _records(group, words)):
            console.print(Padding(Text(line), (0, 0, 0, 2)))


def _records(group: Letters, words: Language) -> str:
    names = ", ".join(letter.target for letter in group.letters[:MOST_RECORDS])
    more = len(group.letters) - MOST_RECORDS
    return say("letters.records", words, records=say("letters.more", words, records=names, count=more) if more > 0 else names)
