"""The definitions under `rules/`: one loader per kind, each from a document to the value that `decisions/` works with.

A loader raises FixConfig with every problem of its file, inside conditions too, at the character where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from crmsync.config.document import Document, read_document
from crmsync.config.rules.alarms import Watch, load_alarms
from crmsync.config.rules.bant import load_bant
from crmsync.config.rules.calendars import load_calendars
from crmsync.config.rules.joints import References, load_joints
from crmsync.config.rules.nurture import load_nurture
from crmsync.config.rules.qualification import load_qualification
from crmsync.config.rules.recycle import load_recycle
from crmsync.config.rules.routing import load_routing
from crmsync.config.rules.scoring import load_scoring
from crmsync.config.rules.sla import load_sla
from crmsync.config.rules.targets import load_targets
from crmsync.config.rules.temperature import load_temperature
from crmsync.config.rules.valve import load_valve
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.recycle import Recycle
from crmsync.decisions.sla import Sla
from crmsync.errors import FixConfig, Problem

Loader = Callable[[Document], object]


def load_definitions(directories: Sequence[Path], ladder: Mapping[str, int], touch_kinds: frozenset[str]) -> Definitions:
    """All definitions. A file in a later directory replaces the one of its name in an earlier one. `ladder` is title → rank;
    `touch_kinds` the words that the mappings give to touches. Raises FixConfig with every problem of every file."""
    found: dict[str, object] = {}
    loaders: dict[str, Loader] = {
        "scoring": lambda document: load_scoring(document, ladder, touch_kinds),
        "temperature": load_temperature,
        "qualification": lambda document: load_qualification(document, ladder, touch_kinds),
        "valve": load_valve,
        "targets": load_targets,
        "bant": load_bant,
        "routing": load_routing,
        "sla": lambda document: load_sla(document, ladder, touch_kinds),
        "recycle": load_recycle,
        "nurture": lambda document: load_nurture(document, _programmes(found.get("recycle"))),
        "calendars": load_calendars,
        "joints": lambda document: load_joints(document, _references(found)),
    }
    problems: list[Problem] = []
    for kind, load in loaders.items():
        try:
            found[kind] = load(document_of(directories, kind))
        except FixConfig as error:
            problems.extend(error.problems)
    if problems:
        raise FixConfig(problems)
    return Definitions(**found)  # type: ignore[arg-type]  # each loader gives what its field holds


def _programmes(recycle: object) -> frozenset[str] | None:
    return recycle.programmes() if isinstance(recycle, Recycle) else None


def _references(found: Mapping[str, object]) -> References:
    sla, recycle = found.get("sla"), found.get("recycle")
    return References(sla if isinstance(sla, Sla) else None, recycle if isinstance(recycle, Recycle) else None)


def load_watch(directories: Sequence[Path], ladder: Mapping[str, int]) -> Watch:
    """What the figures watch for. It decides nothing, so it is no part of the definitions. Raises FixConfig with every problem."""
    return load_alarms(document_of(directories, "alarms"), ladder)


def document_of(directories: Sequence[Path], kind: str) -> Document:
    """The document of this kind that counts: that of the last directory which holds one. Raises FixConfig where it is no YAML."""
    name = f"{kind}.yaml"
    held = [directory / name for directory in directories if (directory / name).is_file()]
    path = held[-1] if held else directories[-1] / name
    return read_document(path, shown_as=f"{path.parent.name}/{name}")
