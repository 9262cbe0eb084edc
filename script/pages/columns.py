"""docs/columns.md, from the catalogue of conditions."""

from __future__ import annotations

from collections.abc import Iterable

from crmsync.decisions.catalogue import ATTRIBUTES, BANT_LEVELS, BEHAVIOUR, DECIDED, FUNCTION_HELP, PLAIN, Column, Function
from crmsync.messages import catalogue
from pages.markdown import code, table

HEAD = """
# Columns and functions of conditions

A condition in `rules/` is one SQL boolean expression over the columns below. It is read when the configuration is: an unknown
column, a wrong type or a value that cannot occur is reported with file, line, column and the nearest name that exists.

    title_rank >= rank('manager') AND touches('pricing_page', 30) > 0

* A value that is not known is NULL, and an unknown is never a yes: `employees >= 100` does not hold for a company of unknown size,
  and `NOT (employees >= 100)` does not either. Ask with `IS NULL`, `IS NOT NULL`, `coalesce`.
* The parts joined by `AND` at the top are kept apart: `explain` shows those that do not hold, in your own words.
* Allowed: `AND`, `OR`, `NOT`, `=`, `<>`, `<`, `<=`, `>`, `>=`, `BETWEEN`, `IN (…)`, `LIKE`, `ILIKE`, `IS [NOT] NULL`, `IS TRUE`,
  `+`, `-`, `*`, `/`, `%`, brackets, and the functions below. Anything else of SQL is a problem with its place.
"""
FIT = """
## What a person is

Attributes. A fit rule in `scoring.yaml` may use these, and the functions without behaviour: who somebody is never decays.
"""
ALL = """
## What was decided before

`qualification.yaml` may use these as well: scores of this very decision, and the state that the last one left.
"""
FUNCTIONS = """
## Functions
"""
TOUCHES = """
## Kinds of touches

The words that `touches('…')` and `touch:` in `scoring.yaml` know. A mapping file may add its own.
"""


def page() -> str:
    parts = [HEAD, FIT, _columns(ATTRIBUTES), ALL, _columns(DECIDED), FUNCTIONS, _functions(), TOUCHES, _touches()]
    return "\n\n".join(part.strip() for part in parts)


def _columns(columns: Iterable[Column]) -> str:
    rows = [[code(c.name), c.type, c.en, c.ja, ", ".join(map(code, c.values))] for c in columns]
    return table(["column", "type", "en", "ja", "values"], rows)


def _functions() -> str:
    order: list[Function] = [name for name in FUNCTION_HELP if name in PLAIN | BEHAVIOUR]
    rows = []
    for name in order:
        example, en, ja = FUNCTION_HELP[name]
        rows.append([code(example), en, ja, "qualification" if name in BEHAVIOUR else "fit, qualification"])
    levels = " < ".join(map(code, BANT_LEVELS))
    return table(["function", "en", "ja", "in"], rows) + f"\n\nLevels of BANT rise {levels}; `unknown` has no place in the order."


def _touches() -> str:
    named = {key.removeprefix("touch."): texts for key, texts in sorted(catalogue().items()) if key.startswith("touch.")}
    return table(["word", "en", "ja"], [[code(word), texts["en"], texts["ja"]] for word, texts in named.items()])
