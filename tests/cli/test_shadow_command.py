"""Other rules run silently beside the live ones, over real HTTP: who would be where, named, and the CRMs never hear of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmsync.bootstrap import shipped
from crmsync.demo.configuration import write_configuration
from crmsync.sandbox.world.roster import roster


@pytest.fixture(scope="module")
def shadowed(own_desk: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A configuration with a draft that lets more through, after one cycle."""
    directory = tmp_path_factory.mktemp("shadowed") / "conf"
    write_configuration(directory, shipped("rules"), roster(own_desk.sandbox.config), "en")
    (directory / "draft").mkdir()
    rules = (directory / "rules" / "qualification.yaml").read_text(encoding="utf-8")
    looser = rules.replace("minimum_score: 12, temperatures: [hot, warm]", "minimum_score: 0, temperatures: [hot, warm, cold]")
    looser = looser.replace("  - touches('any', 90) > 0\n", "").replace("version: 1", "version: 2", 1)
    (directory / "draft" / "qualification.yaml").write_text(looser, encoding="utf-8")
    with (directory / "crmsync.yaml").open("a", encoding="utf-8") as settings:
        settings.write("shadow: draft\n")
    assert shadow(own_desk, directory).out.count("standard@2") == 1, "not yet run, and said so"
    own_desk.pass_time(4)
    assert own_desk.type("run", "--config", str(directory), "--now", own_desk.now).code == 0
    return own_desk, directory


def shadow(desk: Any, directory: Path, *words: str) -> Any:
    return desk.type("shadow", "--config", str(directory), *words)


def test_only_disagreements_are_shown_by_name_with_the_reasons_of_both_sides(shadowed: tuple[Any, Path]) -> None:
    desk, directory = shadowed
    printed = shadow(desk, directory, "--json").json
    gained = [row for row in printed["standing"] if row["kind"] == "mql_in"]
    assert gained
    assert all(row["name"] and row["live"] == "inquiry" and row["shadow"] == "mql" for row in gained)
    assert all(row["live_because"]["failed"] and not row["shadow_because"]["failed"] for row in gained)
    counts = {row["kind"]: row["count"] for row in printed["counts"]}
    assert counts["mql_in"] == len(gained)
    told = shadow(desk, directory)
    assert (told.code, told.requests) == (0, ())
    assert "handed over by the shadow only" in " ".join(told.out.split())
    assert "not met: score" in " ".join(told.out.split())
    assert all(row["person_id"] in told.out for row in gained)


def test_what_began_later_is_asked_for_with_since(shadowed: tuple[Any, Path]) -> None:
    desk, directory = shadowed
    assert shadow(desk, directory, "--since", "2099-01-01", "--json").json["standing"] == []


def test_in_japanese_too(shadowed: tuple[Any, Path]) -> None:
    desk, directory = shadowed
    told = shadow(desk, directory, "--language", "ja").out
    assert "試行中の基準だけが引き渡す" in told


def test_a_draft_with_a_mistake_stops_no_cycle_and_check_names_it(shadowed: tuple[Any, Path]) -> None:
    desk, directory = shadowed
    broken = directory / "draft" / "sla.yaml"
    broken.write_text("version: one\n", encoding="utf-8")
    try:
        ran = desk.type("run", "--config", str(directory), "--now", desk.now, "--json")
        assert ran.code == 0
        checked = desk.type("check", "--config", str(directory), "--json")
        asked = shadow(desk, directory)
    finally:
        broken.unlink()
    assert (checked.code, asked.code) == (2, 2)
    assert {problem["file"] for problem in checked.json["problems"]} == {"draft/sla.yaml"}
    assert "draft/sla.yaml:1" in asked.err


def test_without_a_shadow_it_says_how_to_get_one(own_desk: Any) -> None:
    answer = shadow(own_desk, own_desk.directory)
    assert answer.code == 1
    assert "shadow: DIR" in answer.err
