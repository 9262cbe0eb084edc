"""`rules/nurture.yaml`: where the nurture programmes are kept in the MA, and how often somebody may be put into one."""

from __future__ import annotations

from pydantic import Field

from crmsync.config.document import Document, FileModel, validate
from crmsync.config.rules.place import Problems
from crmsync.decisions.catalogue import nearest
from crmsync.decisions.nurture import Frequency, Nurture


class FrequencyFile(FileModel):
    most: int = Field(ge=1, le=1000)
    days: int = Field(ge=1, le=3660)
    apart_days: int = Field(0, ge=0, le=3660)


class NurtureFile(FileModel):
    lists: dict[str, str] = Field(default_factory=dict)
    frequency: FrequencyFile | None = None
    read_back_hours: int = Field(24, ge=1, le=24 * 31)


def load_nurture(document: Document, programmes: frozenset[str] | None = None) -> Nurture:
    """The nurture document as a value; `programmes` are those that recycle.yaml speaks of, None where it cannot be read. Raises
    FixConfig with every problem."""
    file = validate(document, NurtureFile)
    problems = Problems(document)
    if programmes is not None:
        known = ", ".join(sorted(programmes))
        for programme in (name for name in file.lists if name not in programmes):
            problems.add(
                ("lists", programme), "rules.unknown_programme", name=programme, nearest=nearest(programme, programmes), known=known
            )
    for programme, name in file.lists.items():
        if not name.strip():
            problems.add(("lists", programme), "rules.no_list_name", name=programme)
    problems.unique({("lists", programme): name.strip().lower() for programme, name in file.lists.items() if name.strip()})
    problems.check()
    cap = file.frequency
    return Nurture(
        lists={programme: name.strip() for programme, name in file.lists.items()},
        frequency=Frequency(cap.most, cap.days, cap.apart_days) if cap else None,
        read_back_hours=file.read_back_hours,
    )
