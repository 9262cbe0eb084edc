"""Rules run signed or not, as the configuration asks; what is on the paper is what the engine ran."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from crmsync.store import Store
from crmsync.store.tables import RunRow


@pytest.fixture
def fresh(desk: Any, tmp_path: Path) -> Path:
    """A configuration of one's own, that nobody has signed."""
    directory = tmp_path / "conf"
    shutil.copytree(desk.directory, directory, ignore=shutil.ignore_patterns("*.db*"))
    return directory


def ask(directory: Path, **keys: str) -> None:
    file = directory / "crmsync.yaml"
    more = "".join(f"{key}: {value}\n" for key, value in keys.items())
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")


def digest_of(desk: Any, directory: Path, *words: str) -> str:
    answer = desk.type("agreement", "--config", str(directory), "--digest", *words)
    assert answer.code == 0, answer.err
    digest: str = answer.out.strip()
    return digest


def sign(file: Path, digest: str, *, until: int = 2) -> None:
    """Both heads sign, or only the first."""
    text = file.read_text(encoding="utf-8")
    for role in ("Head of marketing", "Head of inside sales")[:until]:
        text = text.replace(f"role: {role}}}", f'role: {role}, on: 2026-03-20, digest: "{digest}"}}')
    file.write_text(text, encoding="utf-8")


def problems(desk: Any, directory: Path) -> list[tuple[str, str, int]]:
    answer = desk.type("check", "--config", str(directory), "--json")
    return [(found["code"], found["file"], found["line"]) for found in answer.json["problems"] or answer.json["notices"]]


def test_unsigned_rules_run_with_a_notice_that_names_file_line_and_remedy(desk: Any, fresh: Path) -> None:
    assert problems(desk, fresh) == [("rules.unsigned", "rules/qualification.yaml", line) for line in (7, 8)]
    answer = desk.type("check", "--config", str(fresh))
    assert answer.code == 0
    assert digest_of(desk, fresh) in answer.err
    assert "require_approval" in answer.err


def test_where_signatures_are_asked_for_a_draft_is_run_by_nobody(desk: Any, fresh: Path) -> None:
    ask(fresh, definitions="{require_approval: true}")
    for command in ("run", "plan", "start", "figures"):
        answer = desk.type(command, "--config", str(fresh))
        assert (answer.code, answer.requests) == (2, ()), command
        assert "has not signed" in answer.err


def test_what_is_to_be_signed_can_be_read_and_played_before_it_is(desk: Any, fresh: Path) -> None:
    ask(fresh, definitions="{require_approval: true}")
    digest = digest_of(desk, fresh)
    assert f"| {digest} |" in desk.type("agreement", "--config", str(fresh)).out
    day = desk.now[:10]
    played = desk.type("what-if", "--config", str(fresh), "--rules", str(fresh / "rules"), "--from", day, "--to", day)
    assert "has not signed" not in played.err


def test_signed_by_both_heads_it_runs_and_one_changed_number_makes_it_a_draft_again(desk: Any, fresh: Path) -> None:
    qualification = fresh / "rules" / "qualification.yaml"
    digest = digest_of(desk, fresh)
    ask(fresh, definitions="{require_approval: true}")
    sign(qualification, digest, until=1)
    assert problems(desk, fresh) == [("rules.unsigned", "rules/qualification.yaml", 8)]
    sign(qualification, digest)
    assert problems(desk, fresh) == []
    sla = fresh / "rules" / "sla.yaml"
    sla.write_text(sla.read_text(encoding="utf-8").replace("business_hours: 4", "business_hours: 6", 1), encoding="utf-8")
    assert [code for code, _, _ in problems(desk, fresh)] == ["rules.signed_other", "rules.signed_other"]


def test_a_draft_that_calls_itself_one_is_no_approved_one_whoever_signed(desk: Any, fresh: Path) -> None:
    qualification = fresh / "rules" / "qualification.yaml"
    sign(qualification, digest_of(desk, fresh))
    qualification.write_text(qualification.read_text(encoding="utf-8") + "\nstatus: draft\n", encoding="utf-8")
    assert [code for code, _, _ in problems(desk, fresh)] == ["rules.is_draft"]


def test_the_digest_of_a_draft_can_be_signed_before_it_is_anywhere_in_the_configuration(desk: Any, fresh: Path) -> None:
    draft = fresh / "draft"
    draft.mkdir()
    text = (fresh / "rules" / "qualification.yaml").read_text(encoding="utf-8")
    (draft / "qualification.yaml").write_text(text.replace("minimum_score: 12", "minimum_score: 15"), encoding="utf-8")
    digest = digest_of(desk, fresh, "--rules", str(draft))
    assert digest != digest_of(desk, fresh)
    sign(draft / "qualification.yaml", digest)
    shutil.copy(draft / "qualification.yaml", fresh / "rules" / "qualification.yaml")
    assert digest_of(desk, fresh) == digest
    assert problems(desk, fresh) == []


def test_a_successor_must_say_from_when_it_holds(desk: Any, fresh: Path) -> None:
    successor = fresh / "next"
    successor.mkdir()
    text = (fresh / "rules" / "qualification.yaml").read_text(encoding="utf-8")
    (successor / "qualification.yaml").write_text(text, encoding="utf-8")
    ask(fresh, successor="next")
    assert problems(desk, fresh) == [("rules.successor_without_day", "next/qualification.yaml", 2)]


def test_a_successor_is_asked_for_its_signatures_before_its_day(desk: Any, fresh: Path) -> None:
    sign(fresh / "rules" / "qualification.yaml", digest_of(desk, fresh))
    successor = fresh / "next"
    successor.mkdir()
    text = (fresh / "rules" / "qualification.yaml").read_text(encoding="utf-8")
    (successor / "qualification.yaml").write_text(
        text.replace("# effective_from: 2027-04-01", "effective_from: 2027-04-01"), encoding="utf-8"
    )
    ask(fresh, successor="next", definitions="{require_approval: true}")
    assert problems(desk, fresh) == [("rules.signed_other", "next/qualification.yaml", line) for line in (7, 8)]


def test_guide_item_58_the_paper_and_every_run_bear_the_same_digest_over_real_cycles(desk: Any, fresh: Path) -> None:
    """A successor takes over in between: the paper of either day says what ran on that day."""
    successor = fresh / "next"
    successor.mkdir()
    text = (fresh / "rules" / "qualification.yaml").read_text(encoding="utf-8")
    today = desk.sandbox.clock.now().date()
    begins = today.replace(year=today.year + 1)
    (successor / "qualification.yaml").write_text(
        text.replace("# effective_from: 2027-04-01", f"effective_from: {begins}"), encoding="utf-8"
    )
    ask(fresh, successor="next")
    papers = []
    for now in (desk.now, f"{begins}T12:00:00+09:00"):
        answer = desk.type("run", "--config", str(fresh), "--now", now, "--json")
        assert answer.code == 0, answer.err
        papers.append(desk.type("agreement", "--config", str(fresh), "--now", now).out)
    store = Store.open(f"sqlite:///{fresh / 'crmsync.db'}")
    ran = store.decided.frame(RunRow)["definitions"].to_list()
    store.close()
    assert len(set(ran)) == 2
    assert [digest in paper for digest, paper in zip(ran, papers, strict=True)] == [True, True]
