"""Every sentence that a person reads is in the catalogue, in both languages, and is really said."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from typing import get_args

import pytest
from sources import CORE, Source, called, sources

from crmsync.bootstrap import shipped
from crmsync.config.document import read_document
from crmsync.config.rules.sla import load_sla
from crmsync.decisions.gaps import CHECKS
from crmsync.decisions.phase import TRANSITIONS
from crmsync.messages import LANGUAGES, catalogue
from crmsync.model.changes import Outcome
from crmsync.model.entities import ApproachKind

NOT_MESSAGES = frozenset({"auth.private_key", "figures.yaml"})
"""Literals that look like codes and are none: the name of a setting, and of a file."""

AWAITING_A_SPEAKER = ("identity.review.", "identity.rule.", "mapping.why.", "rules.temperature.", "sla_state.")
"""Names of words that so far leave as codes only (JSON, receipts, logs)."""

TOLD_BY_SIDE = ("touch.", "approach.")
"""`explain` asks for the name of whatever happened: the group is itself a value."""

CODE_AT = {"say": 0, "problem": 1, "add": 1, "Problem": 3, "Mistake": 1}
"""Where a call has its code. Errors have theirs first."""

DICT_AT = {"Problem": 4, "Mistake": 2}
"""Where a call has the parameters of its message as one mapping; the others have them as keywords."""

ERRORS = frozenset({"RetryLater", "SkipRecord", "StopConnector", "CallRejected", "AnswerLost"})
GIVEN_ELSEWHERE = frozenset({"after_seconds"})
GROUPS = sorted({code.partition(".")[0] for code in catalogue()})
LOOKS_LIKE_A_CODE = re.compile(rf"({'|'.join(GROUPS)})(\.[a-z][a-z_]*)+")


def literals(source: Source) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, node


def prefixes(source: Source) -> Iterator[str]:
    """Groups whose word is only known at run time: say(f"phase.{phase}"), name_of("phase", …), _known("task.subject", …)."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.JoinedStr):
            yield from (str(part.value) for part in node.values[:1] if isinstance(part, ast.Constant))
        if isinstance(node, ast.Call) and called(node) in ("name_of", "_known"):
            yield from (f"{first.value}." for first in node.args[:1] if isinstance(first, ast.Constant))
        if isinstance(node, ast.Call) and called(node) == "Column":  # a sheet's column of words
            yield from (f"{group.value}." for group in node.args[2:3] if isinstance(group, ast.Constant))


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def spoken() -> tuple[set[str], tuple[str, ...]]:
    """(codes in full, groups spoken by a word of run time)."""
    codes = {text for source in sources() for text, _ in literals(source)}
    groups = {group for source in sources() for group in prefixes(source) if group.partition(".")[0] in GROUPS and "." in group}
    return codes, tuple(groups)


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_a_message_says_the_same_in_both_languages(code: str) -> None:
    texts = catalogue()[code]
    assert set(texts) == set(LANGUAGES)
    assert all(text.strip() for text in texts.values())
    assert len({frozenset(placeholders(text)) for text in texts.values()}) == 1, "both languages have the same placeholders"


def test_every_code_in_the_source_is_in_the_catalogue() -> None:
    _, groups = spoken()
    unknown = [
        f"{source.at(node)} {text}"
        for source in sources()
        for text, node in literals(source)
        if LOOKS_LIKE_A_CODE.fullmatch(text) and text not in catalogue() and text not in NOT_MESSAGES and f"{text}." not in groups
    ]
    assert unknown == []


def test_no_message_waits_in_vain_to_be_said() -> None:
    codes, groups = spoken()
    silent = [code for code in catalogue() if code not in codes and not code.startswith(groups + TOLD_BY_SIDE + AWAITING_A_SPEAKER)]
    assert silent == []


def given(node: ast.Call) -> set[str] | None:
    """The parameters that a call hands to its message; None where they are not to be read from here."""
    names = {keyword.arg for keyword in node.keywords}
    if called(node) in DICT_AT:
        values = node.args[DICT_AT[called(node)]] if len(node.args) > DICT_AT[called(node)] else ast.Dict([], [])
        return {key.value for key in values.keys if isinstance(key, ast.Constant)} if isinstance(values, ast.Dict) else None
    return None if None in names else {str(name) for name in names}


def test_every_message_gets_the_parameters_that_it_names() -> None:
    missing = []
    for source in sources():
        for node in (node for node in ast.walk(source.tree) if isinstance(node, ast.Call)):
            at = 0 if called(node) in ERRORS else CODE_AT.get(called(node), 99)
            code = node.args[at].value if len(node.args) > at and isinstance(node.args[at], ast.Constant) else None
            names = given(node)
            if code in catalogue() and names is not None:
                lacking = placeholders(catalogue()[code]["en"]) - names - GIVEN_ELSEWHERE
                missing += [f"{source.at(node)} {code} lacks {name}" for name in sorted(lacking)]
    assert missing == []


TABLES = {
    "transition": {row.because for row in TRANSITIONS},
    "gap": {check.gap for check in CHECKS} | {"clock_without_task"},
    "phase": {row.source for row in TRANSITIONS} | {row.target for row in TRANSITIONS},
    "actor": {row.actor for row in TRANSITIONS},
    "approach": set(get_args(ApproachKind)),
    "outcome": set(get_args(Outcome)),
    "temperature": {"hot", "warm", "cold"},
    "department": {"marketing", "inside_sales", "field_sales", "customer_success"},
    "clock": {rule.kind for rule in load_sla(read_document(shipped("rules") / "sla.yaml")).clocks},
}


@pytest.mark.parametrize("group", sorted(TABLES))
def test_every_word_of_the_tables_has_a_name_that_people_read(group: str) -> None:
    named = {code.partition(".")[2] for code in catalogue() if code.startswith(f"{group}.")}
    assert TABLES[group] - named == set()


def test_no_japanese_sentence_stands_outside_the_catalogue() -> None:
    """Japanese in code is data (weekdays, punctuation to fold, meanings of columns): nothing that ends in a full stop, but for the
    column catalogue, which is a catalogue itself."""
    shells = [s for s in sources(CORE) if s.path.relative_to(CORE).parts[0] != "sandbox" and s.path.stem != "catalogue"]
    docstrings = {id(_docstring(node)) for source in shells for node in ast.walk(source.tree)}
    told = [s.at(node) for s in shells for text, node in literals(s) if re.search("[ぁ-ん]。", text) and id(node) not in docstrings]
    assert told == []


def _docstring(node: ast.AST) -> ast.AST | None:
    body = getattr(node, "body", None)
    first = body[0] if isinstance(body, list) and body else None
    return first.value if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else None
