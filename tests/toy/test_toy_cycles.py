"""A CRM that crmsync has never heard of, as the only one: its folder is all it takes for the loop to turn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tiny_crm import TOKEN, TinyCrm

from crmsync.bootstrap import open_workspace
from crmsync.connect.registry import load_plugin, plugin_names
from crmsync.sync.pipeline import Cycle, run_cycle
from crmsync.sync.workspace import Moment, Workspace

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SETTINGS = """
language: en
connections:
  - name: mycrm
    connector: toy
    role: both
    base_urls: {api: "URL"}
    auth: {token: {file: token}}
"""
TEAM = """
reps:
  - {email: mori@example.com, name: Mori, department: inside_sales}
  - {email: kato@example.com, name: Kato, department: field_sales}
  - {email: abe@example.com, name: Abe, department: customer_success}
  - {email: ono@example.com, name: Ono, department: marketing}
"""

pytestmark = pytest.mark.usefixtures("installed")


class Turning:
    """The loop on a tiny CRM: cycles are run at the CRM's own time."""

    def __init__(self, crm: TinyCrm, workspace: Workspace) -> None:
        self.crm = crm
        self.workspace = workspace

    def cycle(self, **later: float) -> Cycle:
        self.crm.clock.advance(timedelta(**later))
        cycle = run_cycle(self.workspace, Moment(self.crm.clock.now(), is_rehearsal=True))
        assert cycle.is_complete, (cycle.pulled.failures, cycle.applied.failures)
        return cycle

    def person(self, id_: str) -> dict:
        return self.crm.rows["people"][id_].values

    def open_tasks(self, id_: str) -> list[dict]:
        return [task for task in self.crm.values("tasks") if task["person"] == id_ and not task.get("done")]


@pytest.fixture
def turning(tiny, tmp_path: Path) -> Iterator[Turning]:
    (tmp_path / "crmsync.yaml").write_text(SETTINGS.replace("URL", tiny.url), encoding="utf-8")
    (tmp_path / "team.yaml").write_text(TEAM, encoding="utf-8")
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    for name in ("mori", "kato", "abe", "ono"):
        tiny.crm.make("users", name=name.title(), email=f"{name}@example.com", active=True)
    workspace = open_workspace(tmp_path)
    yield Turning(tiny.crm, workspace)
    workspace.close()


def keen(crm: TinyCrm, name: str, *wanted: str) -> str:
    person = crm.make("people", family=name, given="Ichiro", email=f"{name.lower()}@a.example", company="A Inc.", role="Manager")
    for what in wanted:
        crm.make("visits", person=person, at=crm.clock.now().isoformat(), what=what)
    return person


def test_an_installed_package_is_found_by_its_entry_point() -> None:
    assert "toy" in plugin_names()
    assert load_plugin("toy").mappings is not None


def test_who_asks_for_a_quote_gets_an_owner_and_one_task_and_who_only_exists_does_not(turning: Turning) -> None:
    asked, silent = keen(turning.crm, "Suzuki", "quote", "prices"), keen(turning.crm, "Ito")
    turning.cycle(minutes=1)
    assert (turning.person(asked)["phase"], turning.person(asked)["owner"]) == ("mql", "u1")
    assert turning.person(silent)["phase"] == "inquiry"
    (task,) = turning.open_tasks(asked)
    assert (task["owner"], task["due"]) == ("u1", turning.person(asked)["due"])
    assert turning.open_tasks(silent) == []


def test_a_second_cycle_with_nothing_new_writes_nothing(turning: Turning) -> None:
    for number in range(60):
        keen(turning.crm, f"N{number}", *(["quote"] if number % 3 == 0 else []))
    assert turning.cycle(minutes=1).applied.written == 60 + len(turning.crm.values("tasks"))
    before = turning.crm.writes
    turning.cycle(minutes=1)
    turning.cycle(minutes=1)
    assert turning.crm.writes == before


def test_a_call_and_an_acceptance_in_the_crm_hand_the_baton_on(turning: Turning) -> None:
    person = keen(turning.crm, "Suzuki", "quote")
    turning.cycle(minutes=1)
    turning.crm.clock.advance(timedelta(minutes=30))
    turning.crm.make("acts", person=person, at=turning.crm.clock.now().isoformat(), what="phoned", by="u1")
    turning.crm.change("people", person, status="taken", need="yes", budget="partial", authority="yes")
    turning.cycle(minutes=5)
    assert (turning.person(person)["phase"], turning.person(person)["owner"]) == ("sql", "u2")
    (task,) = turning.open_tasks(person)
    assert task["owner"] == "u2"


def test_an_owner_set_by_hand_is_not_fought(turning: Turning) -> None:
    turning.crm.make("users", name="Ueda", email="ueda@example.com", active=True)
    person = keen(turning.crm, "Suzuki", "quote")
    turning.cycle(minutes=1)
    turning.crm.change("people", person, owner="u5")
    turning.cycle(minutes=5)
    assert turning.person(person)["owner"] == "u5"


PLACES = ("src", "connectors", "mappings", "requirements", "tests", "bench", "script", ".ci")


def test_no_file_outside_this_folder_knows_of_it() -> None:
    """Nothing but documentation may: what crmsync is told of a connector, it is told by the connector."""
    files = [path for place in PLACES for path in (ROOT / place).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    outside = [path for path in (*files, *ROOT.glob("*.toml")) if HERE not in path.parents]
    assert len(outside) > 300
    assert [str(path) for path in outside if b"crmsync_toy" in (found := path.read_bytes()) or b"crmsync-toy" in found] == []
