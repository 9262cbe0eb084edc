"""Dead letters gathered by cause, and how old each is: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crmsync.messages import LANGUAGES, catalogue
from crmsync.model.changes import CAUSES
from crmsync.planning.letters import Letter, age, gather_letters, in_general

AT = datetime(2026, 6, 1, tzinfo=UTC)


def _letter(target: str, message: str = "Industry is missing", **more: object) -> Letter:
    letter = Letter(f"k{target}", "sfa", "Lead", target, "p1", "required_field", "REQUIRED", message, ("phase",), AT, AT, 1)
    return replace(letter, **more)  # type: ignore[arg-type]  # fields of a letter


def _hours(*outcomes: str) -> list[tuple[str, str, datetime]]:
    return [(state, "REQUIRED", AT + timedelta(hours=hour)) for hour, state in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Record 00Q5g000001 is locked", "Record 00Q5g000002 is locked"),
        ("Contact already exists. Existing ID: 101", "Contact already exists. Existing ID: 7"),
        ('Value "Tanaka" is too long', 'Value "Sato" is too long'),
        ("「田中」は長すぎます", "「佐藤」は長すぎます"),
    ],
)
def test_what_differs_from_record_to_record_makes_no_group_of_its_own(one: str, other: str) -> None:
    assert in_general(one) == in_general(other)
    assert len(gather_letters([_letter("1", one), _letter("2", other)])) == 1


def test_other_words_of_the_crm_are_another_group() -> None:
    assert len(gather_letters([_letter("1"), _letter("2", "Phone is missing")])) == 2


def test_the_most_common_cause_comes_first_and_knows_since_when_it_lasts() -> None:
    late = AT + timedelta(days=1)
    groups = gather_letters([_letter("1", "Rare"), _letter("2"), _letter("3", last_at=late, first_at=late)])
    assert [len(group.letters) for group in groups] == [2, 1]
    assert (groups[0].first_at, groups[0].last_at) == (AT, late)


def test_a_letter_is_as_old_as_the_first_refusal_since_something_was_taken() -> None:
    assert age(_hours("rejected", "written", "rejected", "rejected"), "REQUIRED") == (AT + timedelta(hours=2), 2)


def test_what_ended_otherwise_in_between_does_not_make_it_younger() -> None:
    assert age(_hours("rejected", "conflict", "rejected"), "REQUIRED") == (AT, 2)


def test_every_cause_has_a_name_and_a_remedy_in_every_language() -> None:
    known = catalogue()
    for cause in CAUSES:
        for code in (f"cause.{cause}", f"remedy.{cause}"):
            assert set(known[code]) >= set(LANGUAGES), code
