"""Defects that users of other tools reported, or that stand in their sources, kept out of ours. Each test begins with its link.

docs/complaints.md tells which complaint is answered where; most answers are tests beside the code that gives them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from fake_house import House
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions.calendar import BusinessCalendar, Calendars
from crmsync.decisions.frames import DRAWS, INSTANT, REPS, conform, empty
from crmsync.decisions.routing import Request, Routing, draw
from crmsync.decisions.worktime import due_column
from crmsync.identity.folding import fold
from crmsync.identity.known import Known
from crmsync.identity.records import RecordKeys
from crmsync.identity.resolve import resolve
from crmsync.mapping import ReadField, same
from crmsync.mapping.codecs import Reading, decode
from crmsync.model.records import RecordRef
from crmsync.planning.diff import FieldRule, Target, diff_record
from crmsync.store import tables

TOKYO, PHOENIX = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/Phoenix")
START = datetime(2026, 6, 1, 1, tzinfo=UTC)

# ---------------------------------------------------------------------------------------------- whom records stand for


def keys(name: str, email: str | None, family: str = "") -> RecordKeys:
    return RecordKeys(f"hs/contacts/{name}", START, email, family, "", ())


def learn(known: Known, *records: RecordKeys) -> None:
    found = resolve(records, known, ())
    known.learn(records, found.links, found.aliases)


def test_an_address_edited_in_the_crm_makes_no_second_contact_who_is_mailed_after_all(house: House) -> None:
    """https://github.com/mautic/mautic/issues/5712, https://github.com/mautic/mautic/issues/4895"""
    contact = house.contact("ma", "old@acme.example", opted_out="true")
    house.visit("ma", contact)
    house.cycle()
    person = house.person_of("ma", contact)
    house.ma.edit("contacts", contact, email="new@acme.example")
    house.visit("ma", contact)
    house.cycle()
    assert house.person_of("ma", contact) == person
    assert len(house.store.decided.states()) == 1
    assert house.tasks() == {}


def test_a_record_without_its_unique_field_is_the_same_one_however_often_it_is_fetched() -> None:
    """https://github.com/mautic/mautic/issues/7463, https://github.com/mautic/mautic/issues/2929"""
    known = Known()
    for _ in range(3):
        learn(known, keys("1", None), keys("2", None))
    assert len({known.person_of("hs/contacts/1"), known.person_of("hs/contacts/2")}) == 2
    assert sum(1 for members in known.records_of.values() if members) == 2


@pytest.mark.parametrize("order", list(permutations("abc")))
def test_of_two_records_with_one_address_the_same_person_comes_out_in_any_order(order: tuple[str, ...]) -> None:
    """https://knowledge.hubspot.com/salesforce/duplicate-salesforce-leads-or-contacts-syncing-to-hubspot"""
    known = Known()
    learn(known, *(keys(name, "same@acme.example") for name in order))
    persons = {known.person_of(f"hs/contacts/{name}") for name in "abc"}
    assert len(persons) == 1
    learned_at_once = Known()
    learn(learned_at_once, *(keys(name, "same@acme.example") for name in "abc"))
    assert persons == {learned_at_once.person_of("hs/contacts/a")}


def test_people_who_share_an_address_are_linked_by_nobody_and_no_record_of_theirs_is_touched(house: House) -> None:
    """https://github.com/odoo/odoo/pull/49484, https://github.com/odoo/odoo/pull/75742: an automatic merge of the wrong pair"""
    first = house.contact("sfa", "info@acme.example", family="Tanaka", given="Taro")
    second = house.contact("sfa", "info@acme.example", family="Suzuki", given="Jiro")
    before = house.sfa.get("contacts", second)
    house.cycle()
    assert house.person_of("sfa", first) != house.person_of("sfa", second)
    after = house.sfa.get("contacts", second)
    assert before is not None
    assert after is not None
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(("one", "other"), [("A〜B", "AB"), ("キヤノン", "キャノン"), ("ニッカ", "二ッカ")])
def test_folding_a_name_takes_no_letter_and_no_wave_dash_away(one: str, other: str) -> None:
    """https://github.com/ikegami-yukino/neologdn deletes the wave dash; big kana and look-alike kanji are other names"""
    assert fold(one) != fold(other)


# ------------------------------------------------------------------------------------------- one record and its neighbours


@pytest.mark.parametrize("order", [("deleted", "opted_out", "plain"), ("plain", "opted_out", "deleted")])
def test_what_is_decided_of_one_record_does_not_leak_to_the_rest_of_its_batch(house: House, order: tuple[str, ...]) -> None:
    """https://github.com/grouparoo/grouparoo/blob/main/core/src/models/Destination.ts: `toDelete` outlives its record"""
    ids = {kind: house.contact("sfa", f"{kind}@acme.example") for kind in order}
    for id_ in ids.values():
        house.visit("sfa", id_)
    house.sfa.edit("contacts", ids["opted_out"], opted_out="true")
    house.sfa.delete("contacts", ids["deleted"])
    house.cycle()
    plain = house.sfa.get("contacts", ids["plain"])
    assert plain is not None
    assert plain["phase"] == "mql"
    assert [task["person"] for task in house.tasks().values()] == [ids["plain"]]
    opted_out = house.sfa.get("contacts", ids["opted_out"])
    assert opted_out is not None
    assert opted_out["phase"] != "mql"


def test_one_malformed_record_aborts_nothing(house: House) -> None:
    """https://github.com/mitodl/mitxpro/pull/4019"""
    bad = house.contact("sfa", "bad@acme.example", made_at="yesterday")
    good = house.contact("sfa", "good@acme.example")
    house.visit("sfa", good)
    house.cycle()
    assert house.state(house.person_of("sfa", good))["phase"] == "mql"
    house.sfa.edit("contacts", bad, made_at=START.isoformat())
    house.cycle()
    assert house.state(house.person_of("sfa", bad))["phase"] == "inquiry"


def test_a_feed_of_changes_that_is_silent_about_somebody_deletes_nobody(house: House) -> None:
    """https://nango.dev/docs/guides/functions/records-cache: deletions told by absence from a feed of changes only"""
    silent = house.contact("sfa", "silent@acme.example")
    house.cycle()
    house.contact("sfa", "news@acme.example")
    house.cycle()
    house.cycle()
    person = house.person_of("sfa", silent)
    assert {row["person_id"]: row["phase"] for row in house.store.decided.states().to_dicts()}[person] == "inquiry"


def test_a_lead_of_long_ago_is_looked_at_like_any_other(house: House) -> None:
    """https://github.com/odoo/odoo/blob/master/addons/crm/models/crm_team.py: the cron sees leads of the last seven days only"""
    old = house.contact("sfa", "old@acme.example", made_at=(START - timedelta(days=900)).isoformat())
    house.cycle()
    house.visit("sfa", old)
    house.cycle()
    assert house.state(house.person_of("sfa", old))["phase"] == "mql"


# --------------------------------------------------------------------------------------------------- two sides, one field


def diffed(policy: str, current: Any, desired: Any, base: Any) -> bool:
    """Whether a write comes of it."""
    target = Target(RecordRef("sfa", "Lead", "00Q1"), "p1", START, {"f": current}, {"f": base})
    rules = {"f": FieldRule(policy)}  # type: ignore[arg-type]  # one of the four
    return diff_record(target, {"f": desired}, rules, lambda _, a, b: same("string", a, b), "mql").change is not None


@given(*(st.sampled_from([None, "a", "b", "c"]) for _ in range(3)))
def test_the_configured_direction_holds_whatever_stands_on_either_side(current: Any, desired: Any, base: Any) -> None:
    """https://github.com/mautic/mautic/issues/11603"""
    assert not diffed("source_wins", current, desired, base)


def test_a_status_that_sales_sets_later_comes_back_every_time(house: House) -> None:
    """https://github.com/mautic/mautic/issues/7138: synced once, later statuses never came"""
    contact = house.mql()
    house.cycle()
    seen = []
    for status in ("working", "rejected"):
        house.sfa.edit("contacts", contact, status=status, reason="timing", need="yes", budget="yes", authority="yes")
        house.cycle()
        seen.append(house.state(house.person_of("sfa", contact))["phase"])
    assert seen == ["sql", "recycled"]


def test_an_opt_out_is_heard_before_anything_else_of_a_person_newly_pulled(house: House) -> None:
    """https://github.com/mautic/mautic/pull/13411"""
    contact = house.contact("sfa", "no@acme.example", opted_out="true")
    house.visit("sfa", contact)
    house.cycle()
    assert house.tasks(open_only=False) == {}
    assert house.state(house.person_of("sfa", contact))["phase"] == "disqualified"
    assert house.store.decided.frame(tables.DesiredRow)["nurture_list"].to_list() == [None]


def test_what_we_wrote_comes_back_and_nobody_answers_it_in_either_crm(house: House) -> None:
    """https://github.com/MinnPost/object-sync-for-salesforce/issues/445: an infinite loop of updates"""
    house.mql()
    house.cycle()
    house.forget_writes()
    for _ in range(4):
        house.cycle()
    assert house.writes == []


def test_a_persons_edit_in_the_very_moment_of_our_write_is_no_echo(house: House) -> None:
    """https://github.com/InfoTechRG/salesforce_ar_sync/pull/30: a flag against loops blocked a write that was meant"""
    contact = house.mql()
    house.cycle()
    owner = house.state(house.person_of("sfa", contact))["owner"]
    other = next(rep for rep in ("is1@home.example", "is2@home.example") if rep != owner)
    house.sfa.edit("contacts", contact, owner=house.users["sfa"][other])
    house.cycle(later=timedelta(0))
    house.cycle()
    assert house.state(house.person_of("sfa", contact))["owner"] == other


def test_a_blank_in_one_crm_empties_nothing_in_the_other(house: House) -> None:
    """https://github.com/segment-boneyard/segment-docs/pull/7015, https://github.com/SalesforceFoundation/NPSP/pull/2892"""
    contact = house.mql()
    ma = house.contact("ma", "tanaka@acme.example", company="", title="", family="", note="")
    house.cycle()
    house.ma.edit("contacts", ma, email="")
    house.cycle()
    shown = house.sfa.get("contacts", contact)
    assert shown is not None
    assert (shown["company"], shown["title"], shown["email"], shown["note"]) == (
        "Acme",
        "Manager",
        "tanaka@acme.example",
        "not ours",
    )


def test_an_error_stays_until_it_is_mended_and_is_no_success(house: House) -> None:
    """https://github.com/Multiwoven/multiwoven/issues/910: rows failed, the run was green, and the next one skipped them"""
    contact = house.mql()
    house.sfa.trouble.refuse = lambda change: "no such owner" if change.object == "contacts" else ""
    first = house.cycle()
    assert first.applied.outcomes["rejected"] == 1
    house.cycle()
    assert house.store.outbox.rejected()["message"].to_list() == ["no such owner"]
    house.sfa.trouble.refuse = lambda _change: ""
    house.sfa.edit("contacts", contact, note="edited")
    house.cycle()
    assert house.store.outbox.rejected().is_empty()
    shown = house.sfa.get("contacts", contact)
    assert shown is not None
    assert shown["phase"] == "mql"


def test_a_retry_sends_what_failed_and_nothing_that_succeeded(house: House) -> None:
    """https://github.com/n8n-io/n8n/issues/14423, https://github.com/n8n-io/n8n/issues/22990"""
    house.mql()
    house.sfa.trouble.lose_answers = 2
    for _ in range(3):
        house.cycle()
    sent = [
        (change.connection, change.object, change.record_id or change.key_value, tuple(change.values())) for change in house.writes
    ]
    assert len(sent) == len(set(sent))
    assert len(house.tasks()) == 1


# ------------------------------------------------------------------------------------------------------ who gets a lead


def team(*names: str) -> pl.DataFrame:
    lists: dict[str, Any] = {"territories": [], "industries": [], "sizes": [], "languages": []}
    base = {"department": "inside_sales", "is_active": True, "is_queue": False, "weight": 1, **lists}
    return conform(pl.DataFrame([{"rep_id": name, **base} for name in names], infer_schema_length=None), REPS)


ROUTING = Routing({"inside_sales": "queue@home.example"}, ())


@settings(deadline=None)
@given(st.permutations(["a", "b", "c", "d"]), st.integers(1, 9))
def test_a_draw_is_no_lottery_and_knows_no_order_of_its_team(names: list[str], count: int) -> None:
    """https://github.com/odoo/odoo/blob/master/addons/crm/models/crm_team.py draws teams with `random.choices`"""
    requests = [Request(f"p{number}", "inside_sales") for number in range(count)]
    found = [made.owner for made in draw(requests, team(*names), {}, empty(DRAWS), ROUTING)[0]]
    assert found == [made.owner for made in draw(requests, team("a", "b", "c", "d"), {}, empty(DRAWS), ROUTING)[0]]


def test_with_everybody_away_a_lead_still_goes_somewhere() -> None:
    """https://help.chilipiper.com/hc/en-us/articles/29190418659987: with all reps away nothing is routed"""
    ((made,), _) = draw([Request("p", "inside_sales")], team(), {}, empty(DRAWS), ROUTING)
    assert made.owner == "queue@home.example"


def test_a_copied_lead_with_its_old_dates_is_given_to_somebody(house: House) -> None:
    """https://github.com/odoo/odoo/pull/227387: a duplicate that came with its opening date was never assigned"""
    original = house.contact("sfa", "first@acme.example")
    house.visit("sfa", original)
    house.cycle()
    copied = house.sfa.get("contacts", original)
    assert copied is not None
    copy = house.sfa.insert("contacts", **{**copied, "email": "second@acme.example", "family": "Second", "owner": None})
    house.visit("sfa", copy)
    house.cycle()
    assert house.state(house.person_of("sfa", copy))["owner"] in ("is1@home.example", "is2@home.example")


# ---------------------------------------------------------------------------------------------------- hours and days

HOURS = ((time(9), time(12)), (time(13), time(18)))
WEEK = (HOURS,) * 5 + ((), ())
CALENDARS = Calendars(
    "tokyo",
    {
        "tokyo": BusinessCalendar("tokyo", "Asia/Tokyo", WEEK, None),
        "phoenix": BusinessCalendar("phoenix", "America/Phoenix", WEEK, None),
    },
)


def due(start: datetime, hours: float, calendar: str) -> datetime:
    schema = {"started_at": INSTANT, "unit": pl.String, "amount": pl.Float64, "calendar": pl.String}
    frame = pl.DataFrame([(start.astimezone(UTC), "business_hours", hours, calendar)], schema=schema, orient="row")
    found: datetime = due_column(frame, CALENDARS)["due_at"][0]
    return found


def test_what_arrives_on_saturday_afternoon_is_due_early_on_monday() -> None:
    """https://github.com/frappe/crm crm_service_level_agreement.py: Saturday 15:00 begins on Monday at 15:00"""
    assert due(datetime(2026, 6, 6, 15, tzinfo=TOKYO), 1, "tokyo") == datetime(2026, 6, 8, 10, tzinfo=TOKYO)


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),  # noqa: DTZ001 - gets its zone below
    st.sampled_from([0.25, 1.0, 8.0, 24.0]),
    st.sampled_from([("tokyo", TOKYO), ("phoenix", PHOENIX)]),
)
def test_nothing_is_overdue_at_birth_nor_due_at_lunch_at_night_or_on_a_sunday(
    start: datetime, hours: float, where: tuple[str, ZoneInfo]
) -> None:
    """https://github.com/glpi-project/glpi/issues/15429, https://github.com/glpi-project/glpi/issues/687,
    https://github.com/osTicket/osTicket/issues/6739, https://github.com/osTicket/osTicket/issues/6847"""
    name, zone = where
    begun = start.replace(tzinfo=zone, second=0, microsecond=0)
    end = due(begun, hours, name).astimezone(zone)
    assert end - begun >= timedelta(hours=hours)
    assert end.weekday() < 5
    assert any(opens < end.time() <= closes for opens, closes in HOURS)


def read(codec: str, written: str, **options: str) -> Any:
    return decode(ReadField("t", codec, ("x",), options=options), {"x": written}, Reading("here", "hubspot", {}))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Phoenix"])
def test_a_day_is_the_same_day_in_tokyo_and_in_arizona(zone: str) -> None:
    """https://github.com/grouparoo/grouparoo/pull/1537, https://github.com/fivetran/dbt_hubspot/issues/101"""
    assert read("date", "2026-03-31") == date(2026, 3, 31)
    assert read("date", "1774915200000") == date(2026, 3, 31), "HubSpot's dates are midnights of UTC, whoever looks"
    assert read("day", "2026-03-31", zone=zone) == date(2026, 3, 31)


def test_an_instant_is_another_day_where_it_is_one() -> None:
    """https://github.com/grouparoo/grouparoo/pull/1537: 31 March, 16:00 in Arizona"""
    at = datetime(2026, 3, 31, 16, tzinfo=PHOENIX).astimezone(UTC).isoformat()
    assert read("day", at, zone="America/Phoenix") == date(2026, 3, 31)
    assert read("day", at, zone="Asia/Tokyo") == date(2026, 4, 1)
