"""The worked chain over the command: 10,000 visitors, 300 leads, 90 MQLs, 36 SQLs, 27 opportunities, 6 wins. Every rate is told,
alike in every view, and a link that is degraded is named and no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crmsync.cli.app import app
from crmsync.model.entities import OpportunitySeen, PersonSeen
from crmsync.model.records import RecordRef
from crmsync.store import Store
from crmsync.store.sql import insert_all
from crmsync.store.tables import MoveRow

WORKED = {"visitors": 10_000, "leads": 300, "mqls": 90, "sqls": 36, "opportunities": 27, "wins": 6}
RATES = {"capture_rate": 0.03, "mql_rate": 0.3, "sql_rate": 0.4, "opened_rate": 0.75, "opportunity_rate": 0.09, "win_rate": 6 / 27}
AT = datetime(2026, 5, 11, 3, tzinfo=UTC)
TARGETS = """\
time_zone: Asia/Tokyo
every_month: {visitors: 10000, leads: 300, mqls: 90, sqls: 36, opportunities: 27, wins: 6}
"""


def _ref(object_: str, number: int) -> RecordRef:
    return RecordRef("salesforce", object_, f"{number:05}")


def _person(number: int) -> PersonSeen:
    ref, email = _ref("Lead", number), f"p{number}@c{number}.example"
    return PersonSeen(ref, AT, AT, AT, email=email, family_name="Sato", given_name=str(number), company_name=f"Company {number}")


def _opportunity(number: int, *, is_won: bool) -> OpportunitySeen:
    status, closed = ("won", AT) if is_won else ("open", None)
    ref = _ref("Opportunity", number)
    return OpportunitySeen(ref, AT, AT, AT, status=status, closed_at=closed, people=(_ref("Lead", number),))  # type: ignore[arg-type]


def _moves(count: int, source: str, target: str) -> list[dict[str, Any]]:
    plain = {"run_id": "r", "at": AT, "sequence": 0, "because": "x", "evidence": None, "actor": "crmsync", "is_jump": False}
    return [{**plain, "person_id": f"p{n}", "source": source, "target": target, "definition": None} for n in range(count)]


class Month:
    """A configuration whose May holds exactly these; nothing of it comes from a CRM."""

    def __init__(self, directory: Path, counts: Mapping[str, int]) -> None:
        self.directory = directory
        CliRunner().invoke(app, ["init", str(directory), "--language", "en"])
        (directory / "rules" / "targets.yaml").write_text(TARGETS)
        (directory / "figures.yaml").write_text("inputs: {visits: visits.csv}\n")
        (directory / "visits.csv").write_text(f"month,visitors\n2026-05,{counts['visitors']}\n")
        store = Store.open(f"sqlite:///{directory / 'crmsync.db'}")
        with store.transaction() as db:
            store.entities.save(db, [_person(n) for n in range(counts["leads"])])
            store.identity.save_links(db, [(str(_ref("Lead", n)), f"p{n}", "new", "") for n in range(counts["leads"])], AT)
            insert_all(db, MoveRow, [*_moves(counts["mqls"], "inquiry", "mql"), *_moves(counts["sqls"], "mql", "sql")])
            cases = [_opportunity(n, is_won=n < counts["wins"]) for n in range(counts["opportunities"])]
            store.entities.save(db, cases)
        store.close()

    def figures(self, *words: str) -> Any:
        days = ("--from", "2026-05-01", "--to", "2026-05-31", "--now", "2026-06-02T09:00:00+09:00")
        typed = ["figures", *words, "--config", str(self.directory), *days, "--json"]
        result = CliRunner().invoke(app, typed)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture(scope="module")
def may(tmp_path_factory: pytest.TempPathFactory) -> Month:
    return Month(tmp_path_factory.mktemp("worked") / "here", WORKED)


def test_every_rate_of_the_worked_chain(may: Month) -> None:
    [row] = may.figures("chain")["chain"]["rows"]
    assert {name: row[name] for name in WORKED} == WORKED
    assert {name: row[name] for name in RATES} == pytest.approx(RATES)
    assert row["end_to_end"] == pytest.approx(0.02)


def test_every_view_tells_the_same(may: Month) -> None:
    [flow] = may.figures("chain")["chain"]["rows"]
    both = may.figures("chain", "--cohort")
    [cohort], [opened] = (both[sheet]["rows"] for sheet in ("cohort", "opened"))
    steps = {step["name"]: step for step in may.figures()["chain"]["steps"]}
    assert {name: steps[name]["count"] for name in WORKED} == WORKED
    assert steps["leads"]["rate"] == pytest.approx(flow["capture_rate"])
    for rate in ("mql_rate", "sql_rate", "opened_rate", "opportunity_rate", "win_rate", "end_to_end"):
        assert cohort[rate] == pytest.approx(flow[rate])
    assert (opened["opportunities"], opened["win_rate"]) == (27, pytest.approx(6 / 27))


def test_the_parts_add_up_over_the_command(may: Month) -> None:
    days = may.figures("chain", "--by", "day", "--split", "source", "--split", "owner")["chain"]["rows"]
    assert {step: sum(row[step] for row in days) for step in WORKED if step != "visitors"} == {
        step: count for step, count in WORKED.items() if step != "visitors"
    }
    assert sum(row["visitors"] for row in days) == pytest.approx(10_000)


def test_a_month_as_agreed_has_no_bottleneck(may: Month) -> None:
    assert may.figures()["chain"]["bottleneck"] is None


@pytest.mark.parametrize("degraded", list(WORKED))
def test_the_report_names_the_degraded_link_and_no_other(tmp_path: Path, degraded: str) -> None:
    """That step brings a third less of what went into it; the other rates are as agreed."""
    steps = list(WORKED)
    short = {step: count * 2 // 3 for step, count in WORKED.items() if steps.index(step) >= steps.index(degraded)}
    month = Month(tmp_path / "here", {**WORKED, **short})
    ranked = month.figures("bottleneck")["bottleneck"]
    assert (ranked["rows"][0]["step"], ranked["rows"][0]["lost_wins"]) == (degraded, pytest.approx(2, rel=0.001))
    assert all(row["lost_wins"] < 0.2 for row in ranked["rows"][1:])
    told = month.figures()["chain"]
    assert told["bottleneck"] == degraded
    below = [step["name"] for step in told["steps"] if step["log_share"] is not None and step["log_share"] < -0.01]
    assert below == [degraded]


def test_inputs_that_are_wrong_are_told_by_check_where_they_stand(tmp_path: Path) -> None:
    directory = tmp_path / "here"
    CliRunner().invoke(app, ["init", str(directory), "--language", "en"])
    (directory / "figures.yaml").write_text("inputs: {visits: visits.csv, spends: spend.csv}\n")
    told = CliRunner().invoke(app, ["check", "--config", str(directory)])
    assert (told.exit_code, "figures.yaml:1:30: Unknown key 'spends'. Nearest known key: 'spend'" in told.output) == (2, True), (
        told.output
    )
    (directory / "figures.yaml").write_text("inputs: {visits: visits.csv}\n")
    (directory / "visits.csv").write_text("day,visitors\n2026-05-01,12\n2026-05-02,lots\n")
    told = CliRunner().invoke(app, ["check", "--config", str(directory), "--language", "ja"])
    assert (told.exit_code, "visits.csv:3:12: 「rows.1.visitors」に 'lots' は使えません" in told.output) == (2, True), told.output
