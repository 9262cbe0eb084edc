"""The guide's items that the task in the CRM answers for: `test_a11_…` is item 11."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crmsync.config.document import read_document
from crmsync.config.rules.sla import load_sla
from crmsync.messages import LANGUAGES, Language
from crmsync.sync.brief import body, subject

SLA = load_sla(read_document(Path(__file__).parents[2] / "mappings" / "rules" / "sla.yaml"))
CLOCKS = [rule.kind for rule in SLA.clocks]
DUE = datetime(2026, 5, 7, 8, tzinfo=UTC)
PERSON = {"name": "田中 太郎", "company_name": "株式会社エー"}
TASK = {
    "due_at": DUE,
    "arithmetic": "2026-05-01T17:00+09:00 + 1 business day = 2026-05-07T17:00+09:00; skipped 2026-05-03 憲法記念日",
}
WISH = {"reason_ja": "料金ページ +10", "reason_en": "pricing page +10", "temperature": "hot"}
SCORE = {"last_touch_kind": "quote_request", "last_touch_at": datetime(2026, 5, 1, 3, tzinfo=UTC)}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", CLOCKS)
def test_a11_whoever_takes_the_baton_can_run_at_once(kind: str, language: Language) -> None:
    """Who, why them, why now, what they did, until when and why then, and what to say: nothing is left blank."""
    assert all(word in subject(kind, PERSON, language) for word in PERSON.values())
    brief = body(kind, TASK, WISH, SCORE, "Asia/Tokyo", language)
    due = {"ja": "2026年5月7日(木) 17:00", "en": "Thu 7 May 2026 17:00"}[language]
    touch = {"ja": "見積もりを依頼", "en": "asked for a quote"}[language]
    assert all(told in brief for told in (WISH[f"reason_{language}"], due, touch, "憲法記念日"))
    assert "—" not in brief
    assert len(brief.splitlines()) == 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_a11_every_task_says_what_to_do_next_in_words_of_its_own(language: Language) -> None:
    said = {kind: body(kind, TASK, WISH, SCORE, "Asia/Tokyo", language).splitlines()[-1] for kind in CLOCKS}
    assert len(set(said.values())) >= 6
