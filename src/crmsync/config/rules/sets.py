"""Sets of rules: those in force, those that take over from them, those that run beside. All of one configuration are read alike,
and what another set lacks is as in the rules in force: a directory need hold no more than the documents that differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crmsync.config.rules import document_of, load_definitions
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.signing import Rules
from crmsync.decisions.team import Team
from crmsync.errors import FixConfig, Problem


@dataclass(frozen=True, slots=True)
class RuleReader:
    """How rules are read here. `directories` are those of the rules in force, the shipped ones first; `ladder` is title → rank;
    `touch_kinds` the words that the mappings give to touches."""

    directories: tuple[Path, ...]
    ladder: Mapping[str, int]
    touch_kinds: frozenset[str]

    def definitions(self, *more: Path) -> Definitions:
        """The definitions, with what these directories hold in place of the rules in force. Raises FixConfig with every problem,
        also where there is no such directory."""
        missing = [
            Problem(place.name, 1, 1, "config.no_directory", {"directory": place.name}) for place in more if not place.is_dir()
        ]
        if missing:
            raise FixConfig(missing)
        return load_definitions([*self.directories, *more], self.ladder, self.touch_kinds)

    def successor(self, place: Path, team: Team) -> Rules:
        """The rules that take over. Raises FixConfig with every problem, also where they do not say when."""
        rules = Rules.of(self.definitions(place), team)
        if rules.definitions.qualification.effective_from is None:
            document = document_of([*self.directories, place], "qualification")
            raise FixConfig([document.problem(("name",), "rules.successor_without_day")])
        return rules

    def unsigned(self, rules: Rules, *more: Path) -> list[Problem]:
        """Why these rules may not be run where signed ones are asked for: a problem for each head who has not signed them, and one
        where they call themselves a draft."""
        document = document_of([*self.directories, *more], "qualification")
        problems = [
            document.problem(
                ("signed_by",) if lack.place is None else ("signed_by", lack.place),
                f"rules.{lack.why}",
                department=lack.department,
                digest=rules.digest,
                signed=lack.signed,
            )
            for lack in rules.lacks
        ]
        if rules.definitions.qualification.is_draft:
            problems.append(document.problem(("status",), "rules.is_draft"))
        return problems
