"""`rules/bant.yaml`: what must be known before field sales takes over."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from crmsync.config.document import Document, FileModel, validate
from crmsync.config.rules.place import Problems
from crmsync.decisions.bant import ITEMS, BantGate

Item = Literal["budget", "authority", "need", "timeframe"]
Level = Literal["partial", "yes"]


class OthersFile(FileModel):
    count: int = Field(ge=0, le=4)
    at_least: Level = "partial"


class BantFile(FileModel):
    required: dict[Item, Level] = Field(default_factory=dict)
    others: OthersFile


def load_bant(document: Document) -> BantGate:
    """The BANT document as a value. Raises FixConfig with every problem."""
    file = validate(document, BantFile)
    problems = Problems(document)
    left = len(ITEMS) - len(file.required)
    if file.others.count > left:
        problems.add(("others", "count"), "rules.too_many_others", count=file.others.count, left=left)
    problems.check()
    return BantGate({str(item): str(level) for item, level in file.required.items()}, file.others.count, file.others.at_least)
