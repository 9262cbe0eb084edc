"""crmsync undo against both CRMs over HTTP: a run is taken back, its undo is taken back, and nothing writes itself again."""

from __future__ import annotations

from typing import Any

KEYS = {"undone_run", "run_id", "changes", "left_alone", "held", "outcomes", "failures"}


def _written(answer: Any) -> dict[tuple[str, str], Any]:
    return {
        (f"{change['connection']}/{change['object']}/{change['record_id']}", field["field"]): (field["current"], field["desired"])
        for change in answer.json["changes"]
        for field in change["fields"]
    }


def test_a_run_is_shown_undone_redone_and_stays_undone(own_desk: Any) -> None:
    run = own_desk.here("run", "--json").json
    assert run["outcomes"]["written"] > 10
    shown = own_desk.here("undo", run["run_id"], "--json")
    assert set(shown.json) == KEYS
    assert (shown.code, shown.writes, shown.json["run_id"], shown.json["left_alone"]) == (0, [], None, [])
    assert len(shown.json["changes"]) == run["outcomes"]["written"]

    undone = own_desk.here("undo", run["run_id"], "--apply", "--json")
    assert set(undone.json["outcomes"]) <= {"written", "unchanged"}, undone.json["outcomes"]
    assert undone.code == 0
    again = own_desk.here("undo", run["run_id"], "--json").json
    assert (again["changes"], again["left_alone"]) == ([], [])

    quiet = own_desk.here("run", "--json").json
    assert quiet["outcomes"].get("written", 0) == 0

    redone = own_desk.here("undo", undone.json["run_id"], "--apply", "--json")
    assert redone.code == 0
    assert _written(redone) == {key: (after, before) for key, (before, after) in _written(undone).items()}
    assert own_desk.here("run", "--json").json["outcomes"].get("written", 0) == 0


def test_the_latest_runs_are_listed_newest_first(own_desk: Any) -> None:
    own_desk.here("run")
    runs = own_desk.here("undo", "--json").json["runs"]
    assert runs == sorted(runs, key=lambda run: run["run_id"], reverse=True)
    assert {"run_id", "verb", "now", "state", "written"} == set(runs[0])
    assert runs[0]["run_id"] in own_desk.here("undo").out


def test_a_person_reads_what_an_undo_would_do(own_desk: Any) -> None:
    own_desk.here("run")
    runs = own_desk.here("undo", "--json").json["runs"]
    newest = next(run["run_id"] for run in runs if run["written"])
    assert "Nothing was written" in own_desk.here("undo", newest).out
    assert "held no more" in own_desk.here("undo", newest, "--release").out


def test_a_run_that_never_was_is_said(own_desk: Any) -> None:
    answer = own_desk.here("undo", "nonsense")
    assert (answer.code, "There is no run" in answer.err) == (1, True)
