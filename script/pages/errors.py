"""docs/errors.md, from the message catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from crmsync.messages import catalogue, whole
from pages.markdown import code, table

HEAD = """
# What crmsync says when something is wrong

Every message has a code, which is stable: JSON output, logs, receipts and the quarantine carry it. The words in braces are filled
in. Errors are told apart by what to do next ([errors.py](../src/crmsync/errors.py)): wait, leave one record aside, stop one
connection, or mend the configuration.
"""

KINDS: Mapping[str, tuple[str, str]] = {
    "config": ("Configuration files", "Found by `check` and by every command before it does anything; exit code 2."),
    "condition": ("Conditions", "Found when `rules/` is read; the place is the character inside the condition; exit code 2."),
    "rules": ("Definitions under rules/", "Found when `rules/` is read; exit code 2."),
    "mapping": (
        "Mappings, and records that do not fit them",
        "Files: exit code 2. Records: set aside in quarantine, others go on.",
    ),
    "identity": (
        "Identity",
        "Vocabulary files: exit code 2. Reviews: a person has to say who is who; nothing is merged meanwhile.",
    ),
    "auth": ("Secrets", "The connection stops, the others go on; exit code 1."),
    "connect": ("Between crmsync and a CRM", "The connection stops or waits, the others go on; exit code 1."),
    "doctor": ("What doctor finds", "Exit code 1 where a finding is an error; warnings and what is well are told too."),
    "store": ("The database", "Exit code 1."),
    "plan": ("Applying a plan", "Nothing was written; exit code 1."),
    "cli": ("The command line", "Exit code 2 for what was typed, 1 for what was not found."),
    "sandbox": ("The sandbox", "Exit code 2."),
}


def page() -> str:
    return "\n\n".join([HEAD.strip(), *(_kind(name) for name in KINDS if _messages(name))])


def _kind(name: str) -> str:
    title, meaning = KINDS[name]
    rows = [[code(key), whole(texts["en"]), whole(texts["ja"])] for key, texts in _messages(name).items()]
    return f"## {title}\n\n{meaning}\n\n" + table(["code", "en", "ja"], rows)


def _messages(name: str) -> dict[str, Mapping[str, str]]:
    """The sentences of a group: what ends like one. Bare words (names of states and reasons) are in the glossary and the tables."""
    group = {key: texts for key, texts in sorted(catalogue().items()) if key.startswith(f"{name}.")}
    return {key: texts for key, texts in group.items() if whole(texts["en"]).rstrip().endswith((".", "}"))}
