"""What is said to somebody who writes a mapping file."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import get_args

import pytest

from crmsync.config.document import parse_document
from crmsync.config.mappings import ReadFile, load_mappings, read_mapping
from crmsync.config.vocabulary import load_vocabulary
from crmsync.errors import FixConfig
from crmsync.mapping.codecs import CODECS
from crmsync.messages import LANGUAGES, say

PERSON = "object: Lead\nentities:\n  - entity: person\n    fields:\n      created_at: {from: CreatedDate, as: instant}\n"


def problems(text: str) -> list[tuple[int, str]]:
    """Line and code of everything wrong with a file; each can be said in both languages."""
    with pytest.raises(FixConfig) as error:
        read_mapping(parse_document(dedent(text), "Lead.yaml"), "salesforce")
    for problem in error.value.problems:
        assert all(say(problem.code, language, **problem.params) for language in LANGUAGES)
    return [(problem.line, problem.code) for problem in error.value.problems]


def test_a_field_that_no_entity_has_is_named_with_its_line() -> None:
    assert problems(PERSON + "      famly_name: LastName\n") == [(6, "mapping.unknown_field")]


def test_a_key_that_no_spec_has_is_named() -> None:
    assert problems(PERSON + "      email: {from: Email, az: email}\n") == [(6, "config.unknown_key")]


def test_a_codec_that_is_not_there_is_named() -> None:
    assert problems(PERSON + "      email: {from: Email, as: mail}\n") == [(6, "config.wrong_value")]


def test_an_entity_that_is_not_there_is_named() -> None:
    assert problems("object: Lead\nentities:\n  - entity: persn\n    fields: {}\n") == [(3, "mapping.unknown_entity")]


def test_a_field_that_an_entity_cannot_do_without_must_be_mapped() -> None:
    assert problems("object: Lead\nentities:\n  - entity: person\n    fields: {email: Email}\n") == [
        (3, "mapping.field_not_mapped")
    ]


def test_a_word_that_a_field_cannot_hold_is_named() -> None:
    found = problems(PERSON + "      sales_status: {from: Status, as: choice, values: {New: fresh}}\n")
    assert found == [(6, "mapping.word_not_allowed")]


def test_an_incomplete_spec_says_what_it_lacks() -> None:
    more = "      owner: {from: OwnerId, as: ref}\n      title: {as: text}\n      need: {from: N, as: choice}\n"
    assert problems(PERSON + more) == [
        (6, "mapping.spec_incomplete"),
        (7, "mapping.spec_incomplete"),
        (8, "mapping.spec_incomplete"),
    ]


def _one_write(policy: str, crm: str, wish: str = "phase") -> tuple[str, str]:
    text = f'object: Lead\nwrites:\n  X: {{from: {wish}, policy: "{policy}"}}\n'
    (write,) = read_mapping(parse_document(text, "Lead.yaml"), crm).writes
    return write.policy, write.when_none


def test_a_policy_may_be_named_as_in_hubspots_salesforce_connector() -> None:
    rule = "Prefer Salesforce unless blank"
    assert _one_write(rule, "salesforce") == ("fill_if_blank", "leave")
    assert _one_write(rule, "hubspot") == ("crmsync_owns", "leave")
    assert _one_write("Two-way", "salesforce", "owner") == ("newest_wins", "leave")


def test_a_policy_that_is_not_there_is_named_with_its_nearest() -> None:
    text = 'object: Lead\nwrites:\n  X: {from: phase, policy: "Prefer Salesforce"}\n'
    assert problems(text) == [(3, "mapping.unknown_policy")]
    with pytest.raises(FixConfig) as error:
        read_mapping(parse_document(text, "Lead.yaml"), "salesforce")
    assert error.value.problems[0].params["nearest"] == "Prefer Salesforce unless blank"


@pytest.mark.parametrize("rule", ["Always use Salesforce", "prefer_salesforce_unless_blank"])
def test_an_owner_is_two_way_or_left_alone(rule: str) -> None:
    assert problems(f"object: Lead\nwrites:\n  OwnerId: {{from: owner, policy: {rule}}}\n") == [(3, "mapping.owner_two_way")]


def test_a_wish_that_nobody_makes_is_named() -> None:
    assert problems("object: Lead\nwrites:\n  Stage__c: {from: fase, policy: crmsync_owns}\n") == [(3, "mapping.unknown_wish")]


def test_a_task_must_write_its_key_and_lead_to_a_person() -> None:
    text = "object: Task\ntasks: {upsert_by: key__c}\nwrites:\n  Subject: {from: subject, policy: crmsync_owns}\n"
    assert problems(text) == [(2, "mapping.task_without_person"), (2, "mapping.task_field_not_written")]


def test_all_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    for name in ("A", "B"):
        (tmp_path / f"{name}.yaml").write_text(
            f"object: {name}\nwrites:\n  x: {{from: fase, policy: crmsync_owns}}\n", encoding="utf-8"
        )
    with pytest.raises(FixConfig) as error:
        load_mappings([tmp_path], "toy")
    assert [Path(problem.file).name for problem in error.value.problems] == ["A.yaml", "B.yaml"]


def test_a_file_of_one_s_own_replaces_the_shipped_one_of_that_object_only(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "mappings"
    own = tmp_path / "salesforce"
    own.mkdir()
    (own / "my-leads.yaml").write_text(PERSON + "      title: Position__c\n", encoding="utf-8")
    found = load_mappings([shipped, tmp_path], "salesforce")
    assert found["Lead"].source_of("title") == "Position__c"
    assert found["Lead"].writes == ()
    assert found["Contact"].source_of("title") == "Title"


def test_a_third_crm_brings_its_mappings_in_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "person.yaml").write_text(PERSON, encoding="utf-8")
    assert list(load_mappings([tmp_path], "toy")) == ["Lead"]


def test_the_codecs_that_a_file_may_name_are_those_that_exist() -> None:
    named = get_args(get_args(ReadFile.model_fields["as_"].annotation)[0])
    assert set(named) == set(CODECS) | {"joined", "constant"}


def test_a_title_on_two_rungs_is_named(tmp_path: Path) -> None:
    rungs = "rungs:\n  one: {rank: 1, titles: [課長]}\n  two: {rank: 2, titles: [課長]}\n"
    (tmp_path / "titles.yaml").write_text(rungs, encoding="utf-8")
    with pytest.raises(FixConfig) as error:
        load_vocabulary([Path(__file__).parents[2] / "mappings", tmp_path])
    assert [(problem.line, problem.code) for problem in error.value.problems] == [(3, "identity.title_twice")]
