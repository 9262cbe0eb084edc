"""`rules/temperature.yaml`: from which interest somebody is hot or warm, and down to which they stay so."""

from __future__ import annotations

from pydantic import Field

from crmsync.config.document import Document, FileModel, validate
from crmsync.config.rules.place import Problems
from crmsync.decisions.temperature import Rung, TemperatureRules


class RungFile(FileModel):
    enter: float
    leave: float


class TemperatureFile(FileModel):
    version: int = Field(ge=1)
    hot: RungFile
    warm: RungFile
    explicit_days: int = Field(ge=0, le=3660)


def load_temperature(document: Document) -> TemperatureRules:
    """The temperature document as a value. Raises FixConfig with every problem."""
    file = validate(document, TemperatureFile)
    problems = Problems(document)
    for name, rung in (("hot", file.hot), ("warm", file.warm)):
        if rung.leave > rung.enter:
            problems.add((name, "leave"), "rules.not_above", key=f"{name}.leave", other=f"{name}.enter")
    for key in ("enter", "leave"):
        if getattr(file.warm, key) > getattr(file.hot, key):
            problems.add(("warm", key), "rules.not_above", key=f"warm.{key}", other=f"hot.{key}")
    problems.check()
    hot, warm = Rung(file.hot.enter, file.hot.leave), Rung(file.warm.enter, file.warm.leave)
    return TemperatureRules(file.version, hot, warm, file.explicit_days)
