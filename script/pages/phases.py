"""docs/phases.md, from the transition table."""

from __future__ import annotations

from crmsync.decisions.phase import ARROWS, TRANSITIONS, diagram
from crmsync.decisions.sla import DEPARTMENTS
from crmsync.messages import say
from pages.markdown import code, table

ORDER = ("unidentified", "inquiry", "mql", "sql", "closed_won", "closed_lost", "recycled", "disqualified")
ANSWERS = {"inquiry": "marketing", "closed_lost": "marketing", "recycled": "marketing", **DEPARTMENTS}
"""Who answers in a phase: those with clocks are the core's own table, the others are nurtured by marketing."""

HEAD = """
# Phases (フェーズ)

Where the baton is. A person has one phase, whatever number of records the CRMs hold of them. The whole machine is one table,
[`TRANSITIONS`](../src/crmsync/decisions/phase.py); this page is printed from it, and `settle` in the same file fires it. Of the
rows of one phase the first that holds fires, and a decision goes on firing until nobody moves.
"""
ARROWS_SAY = """
## The arrows

What is not drawn here is a **jump**: made by people in a CRM, kept (crmsync does not fight it), and flagged as `is_jump` in the
record of moves.
"""
TABLE_SAYS = """
## Every row

In the order in which they are tried. *Who* is `crm-user` where a person's act in a CRM moves the phase, and `crmsync` where the
definition, the valve or time does. The word under *because* stands in the record of moves, in `explain`, and names the guard.
"""


def page() -> str:
    parts = [HEAD, _phases(), ARROWS_SAY, f"```mermaid\n{diagram()}\n```", TABLE_SAYS, _rows()]
    return "\n\n".join(part.strip() for part in parts)


def _phases() -> str:
    rows = []
    for phase in ORDER:
        who = ANSWERS.get(phase)
        people = f"{say(f'department.{who}', 'en')} / {say(f'department.{who}', 'ja')}" if who else "nobody / なし"
        rows.append([code(phase), say(f"phase.{phase}", "en"), say(f"phase.{phase}", "ja"), people])
    return table(["phase", "en", "ja", "answers for it"], rows)


def _rows() -> str:
    rows = [
        [
            code(row.source),
            code(row.target) + ("" if (row.source, row.target) in ARROWS else " (jump)"),
            code(row.because),
            say(f"transition.{row.because}", "en"),
            say(f"transition.{row.because}", "ja"),
            row.actor,
        ]
        for row in TRANSITIONS
    ]
    return table(["from", "to", "because", "en", "ja", "who"], rows)
