"""The agreement that marketing and sales sign, written from the values that decide and from nothing else (DOMAIN.md §5.1).

`chapters` says what is agreed; `render` and `render_page` write it as Markdown and as HTML. The digest of the running
configuration stands on it: a paper with another digest is about other rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from crmsync.decisions import agreed_clocks, agreed_joints, agreed_rules
from crmsync.decisions.agreed_rules import NOT_RUNNING, Stands
from crmsync.decisions.agreed_words import Chapter, Line, Words
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.qualification import Definition
from crmsync.decisions.signing import Rules, lacks, reviewed_on
from crmsync.decisions.team import Team
from crmsync.messages import Language


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is written: under which digest, as of which day, and how the valve stands."""

    title: str
    facts: tuple[tuple[str, str], ...]
    chapters: tuple[Chapter, ...]


def agreement(rules: Rules, team: Team, language: Language, as_of: date, stands: Stands = NOT_RUNNING) -> Agreement:
    """The agreement as values; nothing comes from outside `rules` and `team` but the day and how the valve stands."""
    definitions, digest = rules.definitions, rules.digest
    words = Words(language)
    definition = definitions.qualification
    facts = (
        (words("version"), f"{definition.name}@{definition.version}"),
        (words("standing"), words(f"stage.{definition.stage(as_of)}")),
        (words("effective_from"), words.day(definition.effective_from)),
        (words("review_by"), words.day(definition.review_by)),
        (words("reviewed_on"), _reviewed(definition, as_of, words)),
        (words("as_of"), words.day(as_of)),
        (words("digest"), digest),
        (words("signed"), _signed(definition, digest, words)),
    )
    chapters = [
        agreed_rules.definition(definitions, words),
        agreed_rules.ends(definitions, stands, as_of, words),
        agreed_rules.scoring(definitions, words),
        agreed_rules.temperature(definitions, words),
        agreed_rules.bant(definitions, words),
        agreed_joints.joints(definitions, words),
        agreed_clocks.promises(definitions, words),
        agreed_clocks.recycling(definitions, words),
        agreed_clocks.targets(definitions, words),
        agreed_clocks.calendars(definitions, words),
        agreed_clocks.capacity(team, words),
        _signatures(definitions, words),
    ]
    return Agreement(words("title", name=getattr(definition.title, language)), facts, tuple(chapters))


def render(rules: Rules, team: Team, language: Language, as_of: date, stands: Stands = NOT_RUNNING) -> str:
    """The agreement as Markdown."""
    told = agreement(rules, team, language, as_of, stands)
    parts = [f"# {told.title}", _markdown_table(("", ""), told.facts)]
    for number, chapter in enumerate(told.chapters, start=1):
        parts.append(f"## {number}. {chapter.title}")
        parts += [_markdown(line) for line in chapter.lines]
    return "\n\n".join(parts) + "\n"


def render_page(rules: Rules, team: Team, language: Language, as_of: date, stands: Stands = NOT_RUNNING) -> str:
    """The agreement as one HTML page that needs nothing else and prints well."""
    told = agreement(rules, team, language, as_of, stands)
    body = [f"<h1>{escape(told.title)}</h1>", _html_table((), told.facts)]
    for number, chapter in enumerate(told.chapters, start=1):
        body.append(f"<h2>{number}. {escape(chapter.title)}</h2>")
        body += [_html(line) for line in chapter.lines]
    head = f'<meta charset="utf-8"><title>{escape(told.title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="{language}">\n<head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body>\n</html>\n"


_STYLE = (
    "body{font:14px/1.6 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;margin:.5em 0 1em}td,th{border:1px solid #999;padding:.2em .6em;text-align:left}"
    "code{background:#eee;padding:0 .2em}@media print{h2{break-after:avoid}tr{break-inside:avoid}}"
)


def _reviewed(definition: Definition, as_of: date, words: Words) -> str:
    """The last joint review, and how long ago it was."""
    day = reviewed_on(definition)
    return words.day(None) if day is None else words("days_ago", day=words.day(day), days=(as_of - day).days)


def _signed(definition: Definition, digest: str, words: Words) -> str:
    """Whether both heads have signed this, or whose signature is missing."""
    missing = [words.department(lack.department) for lack in lacks(definition, digest)]
    return words("unsigned", departments=words.all(missing)) if missing else words("signed_by_both")


def _signatures(definitions: Definitions, words: Words) -> Chapter:
    rows = [
        (words.department(s.department), s.role, words.day(s.signed_on) if s.signed_on else "", s.digest, "")
        for s in definitions.qualification.signed_by
    ]
    head = tuple(words(f"head.{name}") for name in ("department", "role", "signed_on", "signed_digest", "signature"))
    return Chapter(words("chapter.signatures"), (Line(words("signatures")), Line(head=head, rows=tuple(rows))))


def _markdown(line: Line) -> str:
    if line.head:
        return _markdown_table(line.head, line.rows)
    return "\n".join(f"- {_code(text)}" for text in line.conditions) if line.conditions else line.text


def _code(text: str) -> str:
    """A condition as code: one that holds a backtick needs a longer fence."""
    flat = " ".join(text.split())
    return f"`` {flat} ``" if "`" in flat else f"`{flat}`"


def _markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _html(line: Line) -> str:
    if line.head:
        return _html_table(line.head, line.rows)
    if line.conditions:
        return "<ul>" + "".join(f"<li><code>{escape(text)}</code></li>" for text in line.conditions) + "</ul>"
    return f"<p>{escape(line.text)}</p>"


def _html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    named = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>" if head else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{named}{body}</table>"
