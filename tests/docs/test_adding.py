"""docs/adding.md, executed: each example does what its page says, and touches no file but its own."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from prose import ROOT, example

from crmsync.bootstrap import Configuration, read_configuration, shipped
from crmsync.decisions import conditions
from crmsync.decisions.frames import PERSONS, TOUCHES, Facts, conform
from crmsync.decisions.scoring import score
from crmsync.demo.configuration import write_configuration
from crmsync.errors import FixConfig
from crmsync.mapping import normalise, render
from crmsync.model.entities import PersonSeen
from crmsync.model.records import FieldInfo, ObjectSchema, RawRecord
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.roster import roster

PAGE = ROOT / "docs" / "adding.md"
PLUGIN = ROOT / "tests" / "toy" / "plugin"
PACKAGE = next((PLUGIN / "src").glob("crmsync_*")).name
NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A configuration as `crmsync init` writes it."""
    made = tmp_path / "my company"
    write_configuration(made, shipped("rules"), roster(WorldConfig()), "en")
    return made


def add_rule(directory: Path, under: str, row: str) -> None:
    file = directory / "rules" / "scoring.yaml"
    text = file.read_text(encoding="utf-8")
    assert f"\n{under}:\n" in text
    file.write_text(text.replace(f"\n{under}:\n", f"\n{under}:\n{row}"), encoding="utf-8")


def points(read: Configuration, rule: str, person: dict, touches: int = 0) -> float:
    people = conform(pl.DataFrame([{"person_id": "p", **person}]), PERSONS)
    seen = [{"person_id": "p", "kind": "pricing_page", "at": NOW, "touch_id": f"t{number}"} for number in range(touches)]
    none = Facts.none()
    acts = conform(pl.DataFrame(seen), TOUCHES) if seen else none.touches
    facts = Facts(people, acts, none.approaches, none.opportunities, none.reps)
    frame = conditions.prepare(facts, read.definitions.qualification.windows, NOW)
    scores, reasons = score(frame, facts.touches, read.definitions.scoring, NOW)
    given = scores[f"rule:{rule}"][0]
    assert (rule in reasons.everyone["rule"].to_list()) == bool(given)
    return float(given)


# ----------------------------------------------------------------------------------------------------------------- a rule


def test_a_fit_rule_is_one_row_and_counts(directory: Path) -> None:
    add_rule(directory, "fit", example(PAGE, "rule"))
    read = read_configuration(directory)
    assert points(read, "kanto_manufacturer", {"industry": "Manufacturing", "territory": "神奈川県"}) == 4
    assert points(read, "kanto_manufacturer", {"industry": "Manufacturing", "territory": "大阪府"}) == 0
    assert points(read, "kanto_manufacturer", {}) == 0


def test_an_interest_rule_is_one_row_and_stops_at_its_cap(directory: Path) -> None:
    add_rule(directory, "interest", example(PAGE, "interest rule"))
    read = read_configuration(directory)
    assert [points(read, "came_back_to_prices", {}, touches=count) for count in (0, 1, 5)] == [0, 3, 9]


def test_a_slip_in_a_rule_is_shown_where_it_stands_with_the_nearest_column(directory: Path) -> None:
    add_rule(directory, "fit", example(PAGE, "rule").replace("territory", "teritory"))
    with pytest.raises(FixConfig) as caught:
        read_configuration(directory)
    (problem,) = caught.value.problems
    lines = (directory / "rules" / "scoring.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[problem.line - 1][problem.column - 1 :].startswith("teritory")
    assert problem.params["nearest"] == "territory"


# ------------------------------------------------------------------------------------------------------------------ a field


def test_a_field_is_two_lines_of_a_mapping_file(directory: Path) -> None:
    text = (shipped("hubspot") / "contacts.yaml").read_text(encoding="utf-8")
    before, read_line, written = "      territory: state\n", example(PAGE, "read"), example(PAGE, "write")
    assert text.count(before) == 1
    own = directory / "mappings" / "hubspot" / "contacts.yaml"
    own.parent.mkdir()
    own.write_text(text.replace(before, read_line).replace("\nwrites:\n", f"\nwrites:\n{written}"), encoding="utf-8")

    mapping = read_configuration(directory).mappings["hubspot"]["contacts"]
    assert "sales_region" in mapping.fields_needed()
    fields = {"createdate": "2026-04-01T00:00:00Z", "lastname": "佐藤", "sales_region": "西日本", "state": "大阪府"}
    (person,) = normalise(mapping, RawRecord("contacts", "1", fields, NOW), "hubspot", NOW)
    assert isinstance(person, PersonSeen)
    assert person.territory == "西日本"
    schema = ObjectSchema("contacts", {"rating": FieldInfo("rating", "enumeration", options=("A", "B", "C"))})
    values, _ = render(mapping, {"temperature": "hot"}, user_ids={}, schema=schema)
    assert values == {"rating": "A"}


# -------------------------------------------------------------------------------------------------------------- a connector


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("plug-in", f"src/{PACKAGE}/__init__.py"),
        ("users", f"src/{PACKAGE}/mappings/users.yaml"),
    ],
)
def test_the_connector_that_is_shown_is_the_one_that_the_tests_turn_the_loop_on(name: str, file: str) -> None:
    assert example(PAGE, name).strip() == (PLUGIN / file).read_text(encoding="utf-8").strip()


def test_the_entry_point_that_is_shown_is_the_packages() -> None:
    assert textwrap.dedent(example(PAGE, "entry point")) in (PLUGIN / "pyproject.toml").read_text(encoding="utf-8")
