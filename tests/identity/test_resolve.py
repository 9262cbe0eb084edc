"""Which records are one person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.identity.grouping import MOST_CANDIDATES
from crmsync.identity.known import Known
from crmsync.identity.records import Evidence, Link, RecordKeys, Rule, clearly_different
from crmsync.identity.resolve import WHYS, Ambiguous, Resolution, resolve
from crmsync.messages import say

START = datetime(2026, 4, 1, tzinfo=UTC)


def record(
    name: str,
    email: str | None = None,
    *,
    day: int = 0,
    family: str = "",
    given: str = "",
    same_as: Sequence[str] = (),
    at: Sequence[str] = (),
    phone: str | None = None,
    postal_code: str | None = None,
) -> RecordKeys:
    """A record "hs/1" is hs/contacts/1, "sf/1" is sf/Lead/1; created `day` days after the start. `at` is what its company is known
    by; the domain of its address is added unless it is free.example."""
    domain = (email or "").partition("@")[2]
    companies = {*at, *([f"domain:{domain}"] if domain and domain != "free.example" else [])}
    named = tuple(map(_key, same_as))
    return RecordKeys(
        _key(name), START + timedelta(days=day), email, family, given, named, tuple(sorted(companies)), phone, postal_code
    )


def tanaka(name: str, email: str | None = None, **more: Any) -> RecordKeys:
    return record(name, email, family="田中", given="太郎", **more)


def _key(name: str) -> str:
    connection, _, id_ = name.partition("/")
    return f"{connection}/{'contacts' if connection == 'hs' else 'Lead'}/{id_}"


class Registry:
    """Cycles of resolution over one memory, as the shell does it."""

    def __init__(self) -> None:
        self.known = Known()
        self.reviews: dict[str, Ambiguous] = {}

    def learn(self, *changed: RecordKeys, merged: Iterable[tuple[str, str]] = ()) -> Resolution:
        found = resolve(changed, self.known, merged)
        self.known.learn(changed, found.links, found.aliases)
        for key in found.examined:
            self.reviews.pop(key, None)
        self.reviews |= {asked.record: asked for asked in found.ambiguous}
        return found

    def person(self, name: str) -> str | None:
        return self.known.person_of(_key(name))

    def questions(self) -> set[tuple[str, str, frozenset[frozenset[str]]]]:
        """What people are asked, with the candidates as their records."""
        return {
            (a.record, a.why, frozenset(frozenset(self.known.records_of[p]) for p in a.candidates)) for a in self.reviews.values()
        }

    def revoke(self, name: str) -> None:
        key = _key(name)
        self.known.link(replace(self.known.links[key], is_revoked=True))

    def partition(self) -> frozenset[frozenset[str]]:
        return frozenset(frozenset(members) for members in self.known.records_of.values() if members)


def check(*records: RecordKeys, together: Sequence[str], unclear: Sequence[str] = ()) -> Resolution:
    """Learn the records at once; `together` lists the persons as "hs/1 sf/1"."""
    registry = Registry()
    found = registry.learn(*records)
    assert registry.partition() == frozenset(frozenset(map(_key, group.split())) for group in together)
    assert [a.record for a in found.ambiguous] == sorted(map(_key, unclear))
    return found


def test_a_record_alone_is_a_person_of_its_own() -> None:
    check(record("hs/1"), record("hs/2"), together=["hs/1", "hs/2"])


def test_the_same_address_in_two_crms_is_one_person() -> None:
    check(record("hs/1", "a@x.jp"), record("sf/1", "a@x.jp"), together=["hs/1 sf/1"])


def test_duplicates_within_one_crm_are_one_person() -> None:
    check(record("sf/1", "a@x.jp"), record("sf/2", "a@x.jp"), together=["sf/1 sf/2"])


def test_a_full_width_address_is_the_same_address() -> None:
    row = {"ref": "hs/contacts/1", "created_at": START, "email": "Ａ＠Ｘ．ｊｐ", "links": "[]"}
    check(RecordKeys.of(row), record("sf/1", "a@x.jp"), together=["hs/1 sf/1"])


def test_an_id_of_the_other_crm_links_without_any_address() -> None:
    check(record("hs/1", "a@x.jp", same_as=["sf/1"]), record("sf/1", "b@y.jp"), together=["hs/1 sf/1"])


def test_an_id_of_another_crm_finds_its_record_in_whichever_connection_has_it() -> None:
    named = replace(record("hs/1"), same_as=("*/Lead/1",))
    check(named, record("sf/1"), together=["hs/1 sf/1"])


def test_an_id_that_two_connections_have_is_a_question_for_people() -> None:
    named = replace(record("hs/1"), same_as=("*/Lead/1",))
    other = RecordKeys("sf2/Lead/1", START)
    registry = Registry()
    found = registry.learn(named, record("sf/1"), other)
    assert len(registry.partition()) == 3
    assert [(a.record, a.why) for a in found.ambiguous] == [("hs/contacts/1", "link_to_several")]


def test_a_link_to_a_record_that_comes_later_is_made_then() -> None:
    registry = Registry()
    registry.learn(record("hs/1", same_as=["sf/1"]))
    registry.learn(record("sf/1"))
    assert registry.person("hs/1") == registry.person("sf/1")


def test_people_with_clearly_different_names_are_not_one_for_sharing_an_address() -> None:
    one = record("hs/1", "info@x.jp", family="田中", given="太郎")
    other = record("hs/2", "info@x.jp", day=1, family="鈴木", given="花子")
    check(one, other, together=["hs/1", "hs/2"], unclear=["hs/2"])


def test_a_nameless_record_of_a_shared_address_stands_alone_until_people_decide() -> None:
    one = record("hs/1", "info@x.jp", day=2, family="田中", given="太郎")
    other = record("hs/2", "info@x.jp", day=1, family="鈴木", given="花子")
    check(one, other, record("sf/1", "info@x.jp"), together=["hs/1", "hs/2", "sf/1"], unclear=["hs/1", "sf/1"])


def test_a_shared_address_still_joins_records_of_one_name() -> None:
    one = record("hs/1", "info@x.jp", family="田中", given="太郎")
    other = record("hs/2", "info@x.jp", day=1, family="鈴木", given="花子")
    again = record("sf/2", "info@x.jp", day=2, family="鈴木", given="花子")
    check(one, other, again, together=["hs/1", "hs/2 sf/2"], unclear=["hs/2"])


def test_a_name_in_another_script_or_after_a_marriage_is_no_other_person() -> None:
    assert not clearly_different(("田中", "太郎"), ("tanaka", "taro"))
    assert not clearly_different(("田中", "花子"), ("鈴木", "花子"))
    assert not clearly_different(("taro", "yamada"), ("yamada", "taro"))
    assert not clearly_different(("田中", ""), ("鈴木", "花子"))
    assert clearly_different(("田中", "太郎"), ("鈴木", "花子"))


def test_an_edited_address_makes_no_second_person() -> None:
    registry = Registry()
    registry.learn(record("hs/1", "old@x.jp"))
    before = registry.person("hs/1")
    found = registry.learn(record("hs/1", "new@y.jp"))
    assert registry.person("hs/1") == before
    assert not found.new_persons


def test_who_changed_their_address_is_found_by_the_new_one_and_the_old() -> None:
    registry = Registry()
    registry.learn(record("hs/1", "old@x.jp"))
    registry.learn(record("hs/1", "new@y.jp"))
    registry.learn(record("sf/1", "new@y.jp", day=1), record("sf/2", "old@x.jp", day=2))
    assert registry.person("sf/1") == registry.person("sf/2") == registry.person("hs/1")


def test_an_address_edited_to_that_of_another_person_moves_nobody() -> None:
    registry = Registry()
    registry.learn(record("hs/1", "a@x.jp"), record("hs/2", "b@x.jp"))
    found = registry.learn(record("hs/1", "b@x.jp"))
    assert registry.person("hs/1") != registry.person("hs/2")
    assert [(a.record, a.why) for a in found.ambiguous] == [("hs/contacts/1", "address_of_another")]


def test_an_address_that_vanishes_takes_no_link_back() -> None:
    registry = Registry()
    registry.learn(record("hs/1", "a@x.jp"), record("sf/1", "a@x.jp"))
    registry.learn(record("hs/1", None))
    assert registry.person("hs/1") == registry.person("sf/1")


def test_a_crm_id_that_is_no_longer_seen_takes_no_link_back_but_a_corrected_one_does() -> None:
    registry = Registry()
    registry.learn(record("hs/1", same_as=["sf/1"]), record("sf/1"), record("sf/2"))
    registry.learn(record("hs/1"))
    assert registry.person("hs/1") == registry.person("sf/1")
    registry.learn(record("hs/1", same_as=["sf/2"]))
    assert registry.person("hs/1") == registry.person("sf/2") != registry.person("sf/1")


def test_when_two_persons_become_one_the_older_id_stays_and_the_other_is_an_alias() -> None:
    registry = Registry()
    registry.learn(record("sf/1", day=1), record("hs/1", day=5))
    older, younger = registry.person("sf/1"), registry.person("hs/1")
    found = registry.learn(record("hs/1", day=5, same_as=["sf/1"]))
    assert found.aliases == {younger: older}
    assert registry.person("hs/1") == registry.person("sf/1") == older


def test_a_merge_in_the_crm_joins_loser_and_winner() -> None:
    registry = Registry()
    registry.learn(record("hs/1", "a@x.jp"), record("hs/2", "b@x.jp"))
    registry.learn(record("hs/2", "b@x.jp"), merged=[("hs/contacts/1", "hs/contacts/2")])
    assert registry.person("hs/1") == registry.person("hs/2")
    registry.learn(record("hs/1", "a@x.jp"))
    assert registry.person("hs/1") == registry.person("hs/2")


def test_a_revoked_link_is_never_made_again() -> None:
    registry = Registry()
    one, other = record("hs/1", "a@x.jp"), record("sf/1", "a@x.jp", day=1)
    registry.learn(one, other)
    registry.revoke("sf/1")
    registry.learn(other)
    apart = registry.person("sf/1")
    assert apart is not None
    assert apart != registry.person("hs/1")
    registry.learn(one, other)
    registry.learn(replace(other, same_as=("hs/contacts/1",)))
    assert registry.person("sf/1") == apart


def test_a_link_made_by_hand_stays_whatever_the_keys_say() -> None:
    registry = Registry()
    registry.learn(record("hs/1", "a@x.jp"), record("sf/1", "b@x.jp", day=1))
    person = registry.person("hs/1")
    assert person is not None
    registry.known.link(Link("sf/Lead/1", person, "manual", Evidence(via="desk", emails=("b@x.jp",))))
    found = registry.learn(record("sf/1", "b@x.jp", day=1), record("hs/1", "a@x.jp"))
    assert registry.person("sf/1") == person
    assert all(link.record != "sf/Lead/1" or link.rule == "manual" for link in found.links)


NUMBER, OTHER_NUMBER = "number:7010705000725", "number:4011001098993"


def test_one_name_at_one_corporate_number_is_one_person() -> None:
    check(tanaka("hs/1", at=[NUMBER]), tanaka("sf/1", "t@x.jp", at=[NUMBER], day=1), together=["hs/1 sf/1"])


def test_one_name_at_one_company_domain_is_one_person() -> None:
    check(tanaka("hs/1", at=["domain:x.jp"]), tanaka("sf/1", "t@x.jp", day=1), together=["hs/1 sf/1"])


def test_a_private_mailbox_and_one_at_the_company_are_of_one_person() -> None:
    check(tanaka("hs/1", "t@free.example", at=["domain:x.jp"]), tanaka("sf/1", "t@x.jp", day=1), together=["hs/1 sf/1"])


def test_one_name_at_a_free_mail_service_says_nothing() -> None:
    check(tanaka("hs/1", "a@free.example"), tanaka("sf/1", "b@free.example"), together=["hs/1", "sf/1"])


def test_half_a_name_at_one_company_says_nothing() -> None:
    check(record("hs/1", at=[NUMBER], family="田中"), record("sf/1", at=[NUMBER], family="田中"), together=["hs/1", "sf/1"])


def test_another_name_at_one_company_says_nothing() -> None:
    check(tanaka("hs/1", at=[NUMBER]), record("sf/1", at=[NUMBER], family="田中", given="次郎"), together=["hs/1", "sf/1"])


def test_two_mailboxes_of_one_name_at_one_company_may_be_two_colleagues_and_are_asked_about() -> None:
    one, other = tanaka("hs/1", "t@x.jp", at=[NUMBER]), tanaka("sf/1", "taro@x.jp", at=[NUMBER], day=1)
    check(one, other, together=["hs/1", "sf/1"], unclear=["sf/1"])


def test_a_record_that_fits_two_namesakes_is_neither_and_is_asked_about() -> None:
    one, other = tanaka("hs/1", "t@x.jp"), tanaka("hs/2", "taro@x.jp", day=1)
    found = check(
        one, other, tanaka("sf/1", at=["domain:x.jp"], day=2), together=["hs/1", "hs/2", "sf/1"], unclear=["hs/2", "sf/1"]
    )
    assert [(a.why, len(a.candidates)) for a in found.ambiguous] == [("namesakes", 1), ("namesakes", 2)]


def test_a_second_namesake_who_comes_later_parts_what_only_the_name_had_joined() -> None:
    """Else whoever came first would decide who is who."""
    registry = Registry()
    registry.learn(tanaka("hs/1", "t@x.jp"), tanaka("sf/1", at=["domain:x.jp"], day=1))
    assert registry.person("hs/1") == registry.person("sf/1")
    registry.learn(tanaka("hs/2", "taro@x.jp", day=2))
    assert len(registry.partition()) == 3


def test_one_domain_under_two_corporate_numbers_joins_nobody() -> None:
    one, other = tanaka("hs/1", at=[NUMBER, "domain:x.jp"]), tanaka("sf/1", at=[OTHER_NUMBER, "domain:x.jp"], day=1)
    check(one, other, together=["hs/1", "sf/1"], unclear=["sf/1"])


def test_a_number_that_stands_for_two_companies_joins_nobody() -> None:
    registry = Registry()
    registry.known.disputed = frozenset([NUMBER])
    registry.learn(tanaka("hs/1", at=[NUMBER]), tanaka("sf/1", at=[NUMBER], day=1))
    assert registry.person("hs/1") != registry.person("sf/1")


def test_a_company_that_a_record_no_longer_shows_takes_no_link_back() -> None:
    registry = Registry()
    registry.learn(tanaka("hs/1", at=[NUMBER]), tanaka("sf/1", at=[NUMBER], day=1))
    registry.learn(tanaka("sf/1", day=1))
    registry.learn(record("hs/1", family="鈴木", given="太郎"))
    assert registry.person("hs/1") == registry.person("sf/1")


def test_a_revoked_link_is_not_made_again_by_a_company_nor_asked_about() -> None:
    registry = Registry()
    one, other = tanaka("hs/1", at=[NUMBER], phone="+81312345678"), tanaka("sf/1", at=[NUMBER], phone="+81312345678", day=1)
    registry.learn(one, other)
    registry.revoke("sf/1")
    found = registry.learn(one, other)
    assert registry.person("hs/1") != registry.person("sf/1")
    assert found.ambiguous == ()


@pytest.mark.parametrize(
    ("same", "why"), [({"phone": "+81312345678"}, "same_phone"), ({"postal_code": "1000001"}, "same_postal_code")]
)
def test_one_name_with_one_phone_or_postal_code_is_asked_about_and_never_linked(same: dict[str, str], why: str) -> None:
    found = check(tanaka("hs/1", **same), tanaka("sf/1", day=1, **same), together=["hs/1", "sf/1"], unclear=["sf/1"])
    assert [a.why for a in found.ambiguous] == [why]


def test_a_question_is_settled_when_its_reason_is_gone() -> None:
    registry = Registry()
    registry.learn(tanaka("hs/1", phone="+81312345678"), tanaka("sf/1", phone="+81312345678", day=1))
    assert list(registry.reviews) == ["sf/Lead/1"]
    registry.learn(tanaka("sf/1", phone="+81399999999", day=1))
    assert registry.reviews == {}


def test_of_a_name_that_hundreds_have_nobody_is_asked_to_choose_among_hundreds() -> None:
    found = Registry().learn(*(tanaka(f"hs/{n:03}", f"{n}@x.jp", day=n) for n in range(300)))
    assert max(len(a.candidates) for a in found.ambiguous) == MOST_CANDIDATES


def test_the_strongest_reason_there_is_is_the_one_that_is_given() -> None:
    registry = Registry()
    both = [NUMBER, "domain:x.jp"]
    registry.learn(
        tanaka("hs/1", "t@x.jp", at=both),
        tanaka("sf/1", "t@x.jp", at=both, day=1),
        tanaka("sf/2", "t@x.jp", day=2),
        record("sf/3", "t@x.jp", day=3, family="田中"),
        tanaka("sf/4", "t@x.jp", at=both, day=4, same_as=["hs/1"]),
    )
    links = registry.known.links
    assert [(links[f"sf/Lead/{n}"].rule, links[f"sf/Lead/{n}"].evidence.via) for n in (1, 2, 3, 4)] == [
        ("corporate_number", "7010705000725"),
        ("company_domain", "x.jp"),
        ("email", "t@x.jp"),
        ("vendor_link", "hs/contacts/1"),
    ]


def test_every_reason_and_every_question_has_its_words() -> None:
    for rule in get_args(Rule):
        assert "{via}" not in say(f"link.{rule}", "ja", via="x")
    for why in WHYS:
        assert say(f"identity.review.{why}", "en")


def test_every_link_says_why() -> None:
    registry = Registry()
    registry.learn(record("hs/1", "a@x.jp"), record("sf/1", "a@x.jp", day=1), record("sf/2", day=2, same_as=["hs/1"]))
    links = registry.known.links
    assert (links["hs/contacts/1"].rule, links["sf/Lead/1"].rule, links["sf/Lead/2"].rule) == ("new", "email", "vendor_link")
    assert links["sf/Lead/1"].evidence.via == "a@x.jp"
    assert links["sf/Lead/2"].evidence.via == "hs/contacts/1"


def test_a_link_survives_being_stored_as_text() -> None:
    link = Link(
        "hs/contacts/1",
        "p1",
        "email",
        Evidence("a@x.jp", ("a@x.jp", "b,c@x.jp"), ("sf/Lead/1",), ("p2",), ("domain:x.jp 田中 太郎",)),
    )
    record_, person, rule, evidence = link.row()
    again = Link.of({"record": record_, "person_id": person, "rule": rule, "evidence": evidence, "revoked_at": None})
    assert again == link


def test_seeing_the_same_again_changes_nothing() -> None:
    registry = Registry()
    records = [record("hs/1", "a@x.jp"), record("sf/1", "a@x.jp"), record("sf/2", same_as=["hs/1"])]
    registry.learn(*records)
    found = registry.learn(*records)
    assert not found.links
    assert not found.aliases
    assert not found.new_persons


def test_only_the_neighbourhood_of_a_change_is_looked_at() -> None:
    registry = Registry()
    registry.learn(*(record(f"hs/{n}", f"{n}@x.jp") for n in range(200)))
    found = registry.learn(record("sf/1", "7@x.jp"))
    assert found.examined == {"sf/Lead/1", "hs/contacts/7"}


NAMES = [("", ""), ("田中", "太郎"), ("鈴木", "花子"), ("tanaka", "taro"), ("佐藤", "")]


@st.composite
def worlds(draw: st.DrawFn) -> list[RecordKeys]:
    count = draw(st.integers(2, 8))
    found = []
    for number in range(count):
        name = f"{draw(st.sampled_from(['hs', 'sf']))}/{number}"
        email = draw(st.sampled_from([None, "a@x.jp", "b@x.jp", "c@y.jp", "d@free.example"]))
        family, given_ = draw(st.sampled_from(NAMES))
        found.append(
            record(
                *(name, email),
                day=draw(st.integers(0, 3)),
                family=family,
                given=given_,
                at=draw(st.lists(st.sampled_from([NUMBER, OTHER_NUMBER, "domain:x.jp", "domain:y.jp"]), max_size=2)),
                phone=draw(st.sampled_from([None, None, "+81312345678"])),
                postal_code=draw(st.sampled_from([None, None, "1000001"])),
            )
        )
    tied = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=2))
    for one, other in tied:
        found[one] = replace(found[one], same_as=(found[other].key,)) if one != other else found[one]
    return found


@settings(max_examples=300, deadline=None)
@given(worlds(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_order_of_arrival_does_not_matter(records: list[RecordKeys], chance: object, size: int) -> None:
    at_once, one_by_one = Registry(), Registry()
    at_once.learn(*records)
    shuffled = list(records)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    for start in range(0, len(shuffled), size):
        one_by_one.learn(*shuffled[start : start + size])
    assert one_by_one.partition() == at_once.partition()
    assert one_by_one.questions() == at_once.questions()


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_no_two_clearly_different_people_become_one_but_by_a_vendor_link(records: list[RecordKeys]) -> None:
    registry = Registry()
    registry.learn(*(replace(r, same_as=()) for r in records))
    by_key = {r.key: r for r in records}
    for group in registry.partition():
        names = [(by_key[key].family, by_key[key].given) for key in group]
        assert not any(clearly_different(a, b) for a in names for b in names)


@settings(max_examples=200, deadline=None)
@given(worlds(), st.integers(1, 3))
def test_a_memory_built_from_stored_rows_is_the_same_memory(records: list[RecordKeys], size: int) -> None:
    living = Registry()
    for start in range(0, len(records), size):
        batch = records[start : start + size]
        rows = [link.row() for link in living.known.links.values()]
        links = [Link.of({"record": r, "person_id": p, "rule": rule, "evidence": e, "revoked_at": None}) for r, p, rule, e in rows]
        stored = Known.of(living.known.records.values(), links, living.known.former)
        assert resolve(batch, stored) == resolve(batch, living.known)
        living.learn(*batch)


@settings(max_examples=300, deadline=None)
@given(worlds(), st.integers(1, 4), st.booleans())
def test_who_has_nothing_in_common_with_anybody_gets_what_working_it_all_out_would_give(
    records: list[RecordKeys], size: int, is_seen: bool
) -> None:
    living = Registry()
    for start in range(0, len(records), size):
        batch = records[start : start + size]
        for record in batch if is_seen else ():  # as the store shows it: what changed is known already
            living.known.see(record)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("crmsync.identity.resolve.lone", lambda batch, known: {})
            worked_out = resolve(batch, living.known)
        assert resolve(batch, living.known) == worked_out
        living.learn(*batch)
