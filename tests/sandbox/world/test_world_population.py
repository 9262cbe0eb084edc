"""The year before day zero: who is there, in which CRM, with what past."""

from __future__ import annotations

import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.salesforce.org import Org
from crmsync.sandbox.world import Shares, World, WorldConfig
from crmsync.sandbox.world.control import Sandbox, build_sandbox
from crmsync.sandbox.world.population import DELAY_DAYS


def systems(sandbox: Sandbox, key: str) -> set[str]:
    return {record.system for record in sandbox.truth.records(key)}


def test_there_are_as_many_people_as_asked_for_in_each_crm_by_the_shares(populated: Sandbox) -> None:
    people = populated.truth.people
    assert len(people) == 400
    where = Counter(tuple(sorted(systems(populated, key))) for key in people)
    assert where["hubspot", "salesforce"] / 400 == pytest.approx(0.42, abs=0.1)  # trade shows and gaps shift the shares a little
    assert where["hubspot",] > 60
    assert where["salesforce",] > 60
    assert not where[()]


def test_stories_keep_to_their_shares() -> None:
    sandbox = build_sandbox(WorldConfig(population=2000))
    told = Counter(person.story for person in sandbox.truth.people.values())
    for story, share in Shares().story.items():
        assert told[story] / 2000 == pytest.approx(share, abs=0.025), story


def test_every_record_of_a_person_is_known_to_the_truth_and_no_other(populated: Sandbox) -> None:
    for system, kind, rows in (
        ("salesforce", "Lead", populated.org.rows("Lead")),
        ("salesforce", "Contact", populated.org.rows("Contact")),
        ("hubspot", "contacts", populated.portal.rows("contacts")),
    ):
        ids = {str(row.get("Id") or row.get("hs_object_id")) for row in rows}
        known = {r.id for key in populated.truth.people for r in populated.truth.records(key, live=False) if r.object == kind}
        assert ids == known
        assert all(populated.truth.person_of(system, kind, one) for one in ids)


def test_stamps_are_those_of_the_past_and_never_of_the_future(populated: Sandbox) -> None:
    config = populated.config
    created = [datetime.fromisoformat(row["CreatedDate"]) for row in populated.org.rows("Lead")]
    assert config.begins_at <= min(created) < config.begins_at + timedelta(days=60)
    assert config.day_zero - timedelta(days=3) < max(created) <= config.day_zero
    assert populated.clock.now() == config.day_zero


def test_both_crms_know_the_same_human_in_all_the_ways_that_occur() -> None:
    sandbox = build_sandbox(WorldConfig(population=1500))
    ways: Counter[str] = Counter()
    for key in sandbox.truth.people:
        records = sandbox.truth.records(key)
        contacts = [sandbox.portal.get("contacts", r.id) for r in records if r.system == "hubspot"]
        leads = [sandbox.org.get(r.object, r.id) for r in records if r.system == "salesforce"]
        for contact, lead in [(c, x) for c in contacts for x in leads if c and x]:
            ways["vendor link"] += contact.get("salesforceleadid") == lead["Id"]
            ways["our link"] += lead["crmsync_hubspot_id__c"] == contact["hs_object_id"]
            typed, stored = str(lead["Email"]), contact.get("email", "")
            ways["other case"] += typed != stored and typed.lower() == stored
            ways["full width"] += typed.isascii() is False and unicodedata.normalize("NFKC", typed) == stored
    assert all(ways[way] >= 5 for way in ("vendor link", "our link", "other case", "full width")), ways


def test_there_are_duplicates_the_unidentified_the_opted_out_and_the_bounced() -> None:
    sandbox = build_sandbox(WorldConfig(population=1500))
    leads = [row for row in sandbox.org.rows("Lead") if not row["IsConverted"]]
    addresses = Counter(row["Email"] for row in leads if row["Email"])
    assert sum(1 for count in addresses.values() if count == 2) >= 10
    contacts = list(sandbox.portal.rows("contacts"))
    assert sum(1 for row in contacts if not row.get("email")) >= 5
    assert sum(1 for row in contacts if not row.get("company")) >= 10
    assert sum(1 for row in contacts if not row.get("lastname")) >= 10
    assert sum(1 for row in leads if not row["Email"] and not row["Phone"]) >= 5
    assert (
        sum(1 for row in leads if row["HasOptedOutOfEmail"]) + sum(1 for r in contacts if r.get("hs_email_optout") == "true") >= 30
    )
    assert sum(1 for row in leads if row["EmailBouncedReason"]) + sum(1 for r in contacts if r.get("hs_email_bounce")) >= 10
    for person in sandbox.truth.people.values():
        assert person.kind in ("ordinary", "student", "competitor", "personal")


def test_one_user_is_inactive_and_still_owns_leads_and_the_queue_owns_some(populated: Sandbox) -> None:
    inactive = [row["Id"] for row in populated.org.rows("User") if not row["IsActive"]]
    owners = Counter(row["OwnerId"] for row in populated.org.rows("Lead") if not row["IsConverted"])
    assert len(inactive) == 1
    assert owners[inactive[0]] >= 1
    assert owners[populated.world.queue] >= 20


def test_reps_have_the_same_address_in_both_crms(populated: Sandbox) -> None:
    wanted = {rep.rep_id for rep in populated.world.reps}
    assert wanted <= {row["Email"] for row in populated.org.rows("User")}
    owners = populated.portal.objects.owners
    assert wanted == {owner.email for archived in (True, False) for owner in owners.listed(archived=archived)}


def test_what_was_lost_has_a_reason_and_some_delays_end_within_sixty_days(populated: Sandbox) -> None:
    lost = [o for o in populated.truth.opportunities() if o.status == "lost"]
    assert all(o.lost_reason and o.closed_at for o in lost)
    zero = populated.config.day_zero
    ends = [o.closed_at + timedelta(days=DELAY_DAYS.get(str(o.lost_reason), 90)) for o in lost if o.closed_at]
    assert sum(1 for end in ends if zero < end < zero + timedelta(days=60)) >= 5
    for opportunity in lost:
        if opportunity.system == "salesforce":
            row = populated.org.get("Opportunity", opportunity.id)
        else:
            row = populated.portal.get("deals", opportunity.id)
        assert row is not None
        assert opportunity.lost_reason in (row.get("crmsync_lost_reason__c"), row.get("closed_lost_reason"))


def test_some_customers_have_not_been_called_for_ninety_days(populated: Sandbox) -> None:
    truth, limit = populated.truth, populated.config.day_zero - timedelta(days=90)
    customers = {o.person for o in truth.opportunities() if o.status == "won"}
    silent = [key for key in customers if max(a.at for a in truth.approaches(key)) < limit]
    assert 3 <= len(silent) < len(customers)
    assert any(not truth.acts(key, "acknowledged") for key in customers)


def test_some_open_opportunities_are_stale(populated: Sandbox) -> None:
    truth, limit = populated.truth, populated.config.day_zero - timedelta(days=30)
    last = [max(a.at for a in truth.approaches(o.person)) for o in truth.opportunities() if o.status == "open"]
    assert sum(at < limit for at in last) >= 5
    assert sum(at >= limit for at in last) >= 5


def test_a_clock_that_is_too_late_is_refused() -> None:
    clock = VirtualClock(datetime(2027, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="past the world's beginning"):
        World(WorldConfig(), clock, Org(clock), Portal(clock)).populate()


@pytest.mark.parametrize("kept", ["salesforce", "hubspot"])
def test_a_world_with_one_crm_has_everybody_in_that_one(kept: str) -> None:
    config = WorldConfig(population=150)
    clock = VirtualClock(config.begins_at)
    org = Org(clock) if kept == "salesforce" else None
    world = World(config, clock, org, None if org else Portal(clock))
    world.populate()
    world.advance_to(config.day_zero + timedelta(days=30))
    assert {r.system for key in world.truth.people for r in world.truth.records(key)} == {kept}
    assert len({touch.kind for touch in world.truth.all_touches}) > 2


def test_a_world_needs_a_crm() -> None:
    with pytest.raises(ValueError, match="an org, a portal, or both"):
        World(WorldConfig(), VirtualClock(datetime(2025, 1, 1, tzinfo=UTC)), None, None)
