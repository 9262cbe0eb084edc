"""What a query finds, in plain words, and how a bad one is refused. No HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.org import Org, OrgConfig
from crmsync.sandbox.salesforce.soql.parse import parse
from crmsync.sandbox.salesforce.soql.select import select, shown
from crmsync.sandbox.salesforce.times import stamp

START_DAY = "2026-04-01T00:00:00Z"


def found(org: Org, text: str, *, everything: bool = False) -> list[dict[str, Any]]:
    result = select(org, text, everything=everything)
    show = shown(org, result.sobject, result.columns, "/sobjects")
    return list(result.ready) if result.ready is not None else [show(org.tables[result.sobject.name].rows[i]) for i in result.ids]


def names(org: Org, where: str, rest: str = "ORDER BY LastName") -> list[str]:
    return [row["LastName"] for row in found(org, f"SELECT LastName FROM Lead WHERE {where} {rest}")]


def refused(org: Org, text: str) -> str:
    with pytest.raises(OrgError) as error:
        select(org, text)
    return f"{error.value.code}: {error.value.message}"


@pytest.fixture
def people(org: Org) -> Org:
    for last, title, score, city in (("Abe", "部長", 30, "Tokyo"), ("baba", None, 10, "tokyo"), ("Chiba", "課長", None, "O'saka")):
        fields = {"LastName": last, "Company": f"{last} KK", "Title": title, "crmsync_score__c": score, "City": city}
        org.insert("Lead", fields)
        org.clock.advance(timedelta(hours=1))
    return org


def test_text_is_compared_without_case_and_ids_in_both_lengths(people: Org) -> None:
    assert names(people, "City = 'TOKYO'") == ["Abe", "baba"]
    [row] = found(people, "select id, lastname from LEAD where LASTNAME = 'ABE'")
    assert names(people, f"Id = '{row['Id'][:15]}'") == ["Abe"]
    assert "invalid ID field" in refused(people, "SELECT Id FROM Lead WHERE Id = 'nonsense'")


def test_quotes_and_wildcards_are_escaped(people: Org) -> None:
    assert names(people, r"City = 'O\'saka'") == ["Chiba"]
    assert names(people, "Company LIKE '%b% KK'") == ["Abe", "baba", "Chiba"]
    assert names(people, "LastName LIKE '_b_'") == ["Abe"]
    assert names(people, r"LastName LIKE 'A\_e'") == []
    assert refused(people, r"SELECT Id FROM Lead WHERE City = 'a\qb'").startswith("MALFORMED_QUERY")


def test_null_is_a_value_for_equality_and_nothing_for_order(people: Org) -> None:
    assert names(people, "Title = null") == ["baba"]
    assert names(people, "Title != '部長'") == ["baba", "Chiba"]
    assert names(people, "crmsync_score__c < 100") == ["Abe", "baba"]
    assert names(people, "crmsync_score__c NOT IN (30)") == ["baba", "Chiba"]
    assert names(people, "IsConverted = false AND Title IN ('課長', '部長')") == ["Abe", "Chiba"]


def test_nulls_come_first_whichever_way_unless_told_otherwise(people: Org) -> None:
    assert names(people, "Id != null", "ORDER BY crmsync_score__c") == ["Chiba", "baba", "Abe"]
    assert names(people, "Id != null", "ORDER BY crmsync_score__c DESC") == ["Chiba", "Abe", "baba"]
    assert names(people, "Id != null", "ORDER BY crmsync_score__c DESC NULLS LAST") == ["Abe", "baba", "Chiba"]
    assert names(people, "Id != null", "ORDER BY City DESC, LastName DESC LIMIT 2") == ["baba", "Abe"]
    assert names(people, "Id != null", "ORDER BY LastName LIMIT 1 OFFSET 1") == ["baba"]


def test_and_and_or_need_parentheses_between_them(people: Org) -> None:
    assert names(people, "(Title = null AND City = 'Tokyo') OR LastName = 'Chiba'") == ["baba", "Chiba"]
    assert names(people, "NOT (City = 'Tokyo' OR LastName = 'x')") == ["Chiba"]
    assert "unexpected token: 'OR'" in refused(people, "SELECT Id FROM Lead WHERE Title = null AND City = 'a' OR City = 'b'")


def test_instants_are_written_bare_and_days_are_no_instants(people: Org) -> None:
    assert names(people, "SystemModstamp >= 2026-04-01T01:00:00Z AND SystemModstamp < 2026-04-01T02:00:00.500Z") == [
        "baba",
        "Chiba",
    ]
    assert names(people, "CreatedDate = 2026-04-01T10:00:00+09:00") == ["baba"]
    assert "should not be enclosed in quotes" in refused(people, f"SELECT Id FROM Lead WHERE SystemModstamp > '{START_DAY}'")
    assert "must be of type dateTime" in refused(people, "SELECT Id FROM Lead WHERE SystemModstamp > 2026-04-01")
    assert refused(people, "SELECT Id FROM Lead WHERE SystemModstamp > 2026-04-01T00:00:00").startswith("MALFORMED_QUERY")
    assert refused(people, "SELECT Id FROM Lead WHERE SystemModstamp > 2026-13-01T00:00:00Z").startswith("MALFORMED_QUERY")


def test_two_spans_of_time_are_both_searched(people: Org) -> None:
    spans = "SystemModstamp < 2026-04-01T01:00:00Z OR SystemModstamp >= 2026-04-01T02:00:00Z"
    assert names(people, spans, "ORDER BY SystemModstamp") == ["Abe", "Chiba"]
    spans = "(Id != null AND SystemModstamp = 2026-04-01T00:00:00Z) OR SystemModstamp > 2026-04-01T01:30:00Z"
    assert names(people, spans, "ORDER BY SystemModstamp") == ["Abe", "Chiba"]


def test_a_place_in_a_tie_may_include_its_own_row(org: Org) -> None:
    ids = [org.insert("Lead", {"LastName": f"L{number}", "Company": "C"}) for number in range(5)]
    place = f"((SystemModstamp = {START_DAY} AND Id >= '{ids[2]}') OR SystemModstamp > {START_DAY})"
    assert names(org, place, "ORDER BY SystemModstamp, Id") == ["L2", "L3", "L4"]
    assert names(org, place.replace(">= '", "> '"), "ORDER BY SystemModstamp, Id") == ["L3", "L4"]


def test_today_is_the_orgs_day(people: Org) -> None:
    people.clock.advance_to(people.clock.now().replace(hour=14, minute=59))
    assert names(people, "CreatedDate = TODAY") == ["Abe", "baba", "Chiba"]
    people.clock.advance(timedelta(minutes=1))
    assert names(people, "CreatedDate = TODAY") == []
    assert names(people, "CreatedDate = YESTERDAY AND CreatedDate >= LAST_N_DAYS:1") == ["Abe", "baba", "Chiba"]


def test_parents_are_read_through_their_names(org: Org) -> None:
    account = org.insert("Account", {"Name": "エー"})
    contact = org.insert("Contact", {"LastName": "Doi", "AccountId": account, "MailingCity": "Kobe"})
    lead = org.insert("Lead", {"LastName": "Endo", "Company": "C", "OwnerId": org.add_queue("IS queue", ["Lead"])})
    for who in (contact, lead):
        org.insert("Task", {"WhoId": who, "Subject": "Call"})
    [row] = found(org, "SELECT Account.Name, Account.Owner.Name, MailingAddress FROM Contact WHERE Account.Name = 'エー'")
    assert row["Account"]["attributes"]["type"] == "Account"
    assert (row["Account"]["Name"], row["Account"]["Owner"]["Name"]) == ("エー", "Org Admin")
    assert row["MailingAddress"]["city"] == "Kobe"
    [task] = found(org, "SELECT Who.Type, Who.Name FROM Task WHERE Who.Type = 'Lead'")
    assert task["Who"] == {"attributes": {"type": "Name", "url": f"/sobjects/Lead/{lead}"}, "Type": "Lead", "Name": "Endo"}
    assert found(org, "SELECT Owner.Type FROM Lead")[0]["Owner"]["Type"] == "Queue"
    assert "No such column 'Company' on entity 'Name'" in refused(org, "SELECT Who.Company FROM Task")
    assert "Didn't understand relationship 'Boss'" in refused(org, "SELECT Boss.Name FROM Lead")
    assert found(org, "SELECT Campaign.Type FROM Opportunity") == []


def test_a_hidden_field_fails_the_whole_query(people: Org) -> None:
    people.hide_field("Lead", "Title")
    message = refused(people, "SELECT Id, Title FROM Lead")
    assert message.startswith("INVALID_FIELD")
    assert "ERROR at Row:1:Column:12\nNo such column 'Title' on entity 'Lead'" in message
    people.show_field("Lead", "Title")
    assert len(found(people, "SELECT Id, Title FROM Lead")) == 3


def test_counting_and_grouping(people: Org) -> None:
    result = select(people, "SELECT COUNT() FROM Lead WHERE City = 'tokyo'")
    assert (result.count, result.ids) == (2, [])
    [row] = found(people, "SELECT MAX(SystemModstamp) newest, COUNT(Id) FROM Lead")
    assert row == {"attributes": {"type": "AggregateResult"}, "newest": "2026-04-01T02:00:00.000+0000", "expr0": 3}
    assert len(found(people, "SELECT Status, COUNT(Id) FROM Lead GROUP BY Status")) == 1


def test_a_list_may_come_from_another_query(people: Org) -> None:
    lead = found(people, "SELECT Id FROM Lead WHERE LastName = 'Abe'")[0]["Id"]
    people.insert("Task", {"WhoId": lead, "Subject": "Call"})
    assert names(people, "Id IN (SELECT WhoId FROM Task)") == ["Abe"]
    assert names(people, "Id NOT IN (SELECT WhoId FROM Task)") == ["baba", "Chiba"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Name ~ 'x'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead LIMIT ten", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead; DROP", "MALFORMED_QUERY"),
        ("SELECT Id, Id FROM Lead", "duplicate field selected: Id"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE: sObject type 'Nothing' is not supported."),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "can not be filtered"),
        ("SELECT Id FROM Lead ORDER BY Description", "can not be sorted"),
        ("SELECT Id FROM Lead OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT FIELDS(ALL) FROM Lead", "MALFORMED_QUERY"),
        (f"SELECT Id FROM Lead WHERE City = '{'x' * 100_001}'", "QUERY_TOO_COMPLICATED"),
    ],
)
def test_a_bad_query_is_refused(people: Org, text: str, expected: str) -> None:
    assert expected in refused(people, text)


def test_all_fields_at_once_need_a_limit(people: Org) -> None:
    assert found(people, "SELECT FIELDS(ALL) FROM Lead LIMIT 200")[0]["crmsync_score__c"] == 30
    assert not any(name.endswith("__c") for name in found(people, "SELECT FIELDS(STANDARD) FROM Lead")[0])


def test_the_dead_and_the_old_are_found_by_query_all_only(org: Org) -> None:
    lead = org.insert("Lead", {"LastName": "Gone", "Company": "C"})
    task = org.insert("Task", {"Subject": "Call", "Status": "Completed"})
    org.delete("Lead", lead)
    org.clock.advance(timedelta(days=14))
    assert found(org, "SELECT Id FROM Lead") == []
    assert found(org, "SELECT Id, IsDeleted FROM Lead", everything=True)[0]["IsDeleted"] is True
    org.clock.advance(timedelta(days=2))
    assert found(org, "SELECT Id FROM Lead", everything=True) == []
    org.clock.advance(timedelta(days=360))
    assert found(org, "SELECT Id FROM Task") == []
    [row] = found(org, "SELECT Id, IsArchived FROM Task", everything=True)
    assert (row["Id"], row["IsArchived"]) == (task, True)


def test_a_narrow_question_does_not_read_the_whole_table(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(400):
        org.insert("Lead", {"LastName": f"L{number}", "Company": "C", "Email": f"l{number}@example.jp"})
        org.clock.advance(timedelta(seconds=1))
    from crmsync.sandbox.salesforce.soql import select as module

    read: list[int] = []
    real = module._candidates
    monkeypatch.setattr(module, "_candidates", lambda *a, **k: (ids := list(real(*a, **k)), read.append(len(ids)), ids)[2])
    some = [row["Id"] for row in org.rows("Lead")][:3]
    listed = "', '".join(some)
    late, later = stamp(org.clock.now() - timedelta(seconds=5)).replace("+0000", "Z"), "2027-01-01T00:00:00Z"
    assert len(found(org, f"SELECT Id FROM Lead WHERE Id IN ('{listed}')")) == 3
    assert len(found(org, "SELECT Id FROM Lead WHERE Email = 'L7@example.jp'")) == 1
    assert len(found(org, f"SELECT Id FROM Lead WHERE SystemModstamp >= {late} AND SystemModstamp < {later} AND City = null")) == 5
    keyset = f"((SystemModstamp = {late} AND Id > '{some[0]}') OR SystemModstamp > {late})"
    assert len(found(org, f"SELECT Id FROM Lead WHERE {keyset} ORDER BY SystemModstamp, Id")) == 5
    assert read == [3, 1, 5, 5]


def test_what_is_not_committed_yet_is_seen_as_it_was(clock: VirtualClock) -> None:
    org = Org(clock, OrgConfig(commit_skew=timedelta(minutes=4), commit_skew_share=1.0, seed=3))
    lead = org.insert("Lead", {"LastName": "Late", "Company": "C"})
    assert found(org, "SELECT Id FROM Lead") == []
    clock.advance(timedelta(minutes=5))
    assert len(found(org, "SELECT Id FROM Lead")) == 1
    org.update("Lead", lead, {"City": "Osaka"})
    stamped = stamp(clock.now()).replace("+0000", "Z")
    assert found(org, f"SELECT Id FROM Lead WHERE SystemModstamp >= {stamped}") == []
    assert len(found(org, f"SELECT Id FROM Lead WHERE SystemModstamp < {stamped} AND City = null ORDER BY SystemModstamp")) == 1
    clock.advance(timedelta(minutes=5))
    [row] = found(org, f"SELECT City FROM Lead WHERE SystemModstamp = {stamped}")
    assert row["City"] == "Osaka"


def test_parsing_gives_a_value_that_says_what_was_asked() -> None:
    query = parse("SELECT Id, Owner.Name FROM Lead l WHERE l.City INCLUDES ('a;b') ORDER BY Id DESC NULLS LAST LIMIT 5")
    assert [str(item.word) for item in query.items] == ["Id", "Owner.Name"]
    assert (query.object, query.alias, query.limit) == ("Lead", "l", 5)
    assert (query.orders[0].descending, query.orders[0].nulls_last) == (True, True)


@settings(max_examples=60, deadline=None)
@given(
    writes=st.lists(st.tuples(st.integers(0, 11), st.booleans()), min_size=1, max_size=60),
    size=st.integers(1, 7),
)
def test_keyset_paging_over_ties_gives_every_row_exactly_once(writes: list[tuple[int, bool]], size: int) -> None:
    """Rows are created and changed, often within one second; pages resume behind the last (stamp, id)."""
    from datetime import UTC, datetime

    org, ids = Org(VirtualClock(datetime(2026, 4, 1, tzinfo=UTC))), list[str]()
    for which, tick in writes:
        if which < len(ids):
            org.update("Lead", ids[which], {"City": "Osaka"})
        else:
            ids.append(org.insert("Lead", {"LastName": "L", "Company": "C"}))
        org.clock.advance(timedelta(seconds=tick))
    seen: list[str] = []
    where = f"SystemModstamp >= {START_DAY}"
    while True:
        text = f"SELECT Id, SystemModstamp FROM Lead WHERE {where} ORDER BY SystemModstamp, Id LIMIT {size}"
        page = found(org, text)
        seen += [row["Id"] for row in page]
        if len(page) < size:
            break
        last = page[-1]["SystemModstamp"].replace("+0000", "Z")
        where = f"((SystemModstamp = {last} AND Id > '{page[-1]['Id']}') OR SystemModstamp > {last})"
    assert sorted(seen) == sorted(ids)
