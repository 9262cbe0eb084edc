"""Joining and leaving a list: the table of `planning.memberships`, row by row, and what holds whatever happens."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.model.changes import Receipt
from crmsync.model.memberships import MEMBER, Membership, Standing
from crmsync.model.records import RecordRef
from crmsync.planning.memberships import Place, Seat, after, intended, settle

REF = Membership("12", "contacts", "301").ref("ma")
CONTACT = Membership("701", "Contact", "003").ref("sfa")
LEAD = Membership("701", "Lead", "00Q").ref("sfa")


def seat(standing: Standing | None, *, is_member: bool, wanted: bool) -> Seat:
    return Seat("p", "warm", wanted, [Place(REF, is_member, standing)])


@pytest.mark.parametrize(
    ("standing", "is_member", "wanted", "written", "stands"),
    [
        (None, False, True, True, {}),
        (None, False, False, None, {}),
        (None, True, True, None, {}),
        (None, True, False, None, {}),
        ("joining", False, True, True, {}),
        ("joining", True, True, None, {REF: "joined"}),
        ("joining", True, False, False, {}),
        ("joining", False, False, None, {REF: None}),
        ("leaving", False, True, True, {}),
        ("leaving", True, True, None, {REF: "joined"}),
        ("leaving", True, False, False, {}),
        ("leaving", False, False, None, {REF: "left"}),
        ("joined", True, True, None, {}),
        ("joined", True, False, False, {}),
        ("joined", False, True, None, {REF: "removed"}),
        ("joined", False, False, None, {REF: "removed"}),
        ("left", False, True, True, {}),
        ("left", False, False, None, {}),
        ("left", True, True, None, {REF: None}),
        ("left", True, False, None, {REF: None}),
        ("removed", False, True, None, {}),
        ("removed", False, False, None, {}),
        ("removed", True, True, None, {REF: None}),
        ("removed", True, False, None, {REF: None}),
    ],
)
def test_every_row_of_the_table(
    standing: Standing | None, is_member: bool, wanted: bool, written: bool | None, stands: dict[RecordRef, Standing | None]
) -> None:
    found = settle(seat(standing, is_member=is_member, wanted=wanted))
    assert [change.values()[MEMBER] for change in found.changes] == ([] if written is None else [written])
    assert dict(found.standings) == stands


@pytest.mark.parametrize("standing", ["joined", "removed"])
def test_somebody_taken_off_by_hand_is_named_as_a_persons_decision(standing: Standing) -> None:
    (refused,) = settle(seat(standing, is_member=False, wanted=True)).refused
    assert (refused.ref, refused.why) == (REF, "human_edit")


def test_a_membership_that_went_over_to_the_contact_of_a_converted_lead_stays_ours() -> None:
    places = [Place(CONTACT, is_member=True), Place(LEAD, is_member=False, standing="joined", can_join=False)]
    assert dict(settle(Seat("p", "warm", True, places)).standings) == {LEAD: None, CONTACT: "joined"}
    left = settle(Seat("p", "warm", False, places))
    assert [(change.ref, change.values()[MEMBER]) for change in left.changes] == [(CONTACT, False)]
    assert left.standings == {LEAD: None}


MERGED = Place(LEAD, is_member=False, standing="joined", can_join=False, is_gone=True)


def test_whom_we_put_on_a_list_under_a_record_that_was_merged_since_is_ours_under_the_new_one() -> None:
    """Before the list is read again the new record is not known to be there; afterwards it is."""
    unread = settle(Seat("p", "warm", False, [Place(CONTACT, is_member=False), MERGED]))
    assert [(change.ref, change.values()[MEMBER]) for change in unread.changes] == [(CONTACT, False)]
    assert unread.standings == {LEAD: None}
    (change,) = settle(Seat("p", "warm", True, [Place(CONTACT, is_member=False), MERGED])).changes
    assert after(change, Receipt(change.key, "unchanged")) == ("joined",)
    read = settle(Seat("p", "warm", True, [Place(CONTACT, is_member=True), MERGED]))
    assert (read.changes, dict(read.standings)) == ((), {LEAD: None, CONTACT: "joined"})


def test_who_was_merged_and_is_on_no_list_any_more_can_come_back() -> None:
    (change,) = settle(Seat("p", "warm", False, [Place(CONTACT, is_member=False), MERGED])).changes
    assert after(change, Receipt(change.key, "unchanged")) == ("left",)


def test_a_converted_lead_is_not_put_on_a_list() -> None:
    assert settle(Seat("p", "warm", True, [Place(LEAD, is_member=False, can_join=False)])).changes == ()


@dataclass
class Crm:
    """One list with one person, a person in front of it, and us. Answers may be lost before or after the write."""

    is_member: bool = False
    by_hand: bool = False  # whether a person set it last
    standing: Standing | None = None
    forbidden: bool = False  # a person took off whom we had put on
    log: list[str] = field(default_factory=list)

    def plan_and_send(self, wanted: bool, fate: str) -> None:
        found = settle(seat(self.standing, is_member=self.is_member, wanted=wanted))
        for standing in found.standings.values():
            self.standing = standing
        for change in found.changes:
            self.standing = intended(change)  # kept before it is sent
            if fate == "never sent":
                return
            if fate == "refused":
                self.standing = (after(change, Receipt(change.key, "rejected")) or (self.standing,))[0]
                return
            is_same = self.is_member == change.values()[MEMBER]
            assert not (self.forbidden and change.values()[MEMBER]), "put back whom a person had taken off"
            assert not (self.by_hand and self.is_member and not change.values()[MEMBER]), "took off whom a person had put on"
            self.is_member, self.by_hand = bool(change.values()[MEMBER]), self.by_hand and is_same
            self.log.append("same" if is_same else "written")
            told = after(change, Receipt(change.key, "unknown" if fate == "lost" else "unchanged" if is_same else "written"))
            self.standing = told[0] if told is not None else self.standing

    def by_a_person(self, is_member: bool) -> None:
        if is_member == self.is_member:
            return
        self.forbidden = not is_member and self.standing in ("joined", "removed") and not self.by_hand
        self.is_member, self.by_hand = is_member, True


FATES = st.sampled_from(["fine", "fine", "lost", "refused", "never sent"])


@given(
    st.lists(
        st.one_of(st.tuples(st.just("we"), st.booleans(), FATES), st.tuples(st.just("they"), st.booleans(), st.just(""))),
        max_size=14,
    ),
    st.booleans(),
)
def test_whatever_happens_people_outrank_us_and_the_end_is_silence(acts: list[tuple[str, bool, str]], wanted: bool) -> None:
    crm = Crm()
    for who, value, fate in acts:
        # between two plans of ours at most one hand at work whose doings we can tell from our own: after a lost answer none
        if who == "we":
            crm.plan_and_send(value, fate)
        elif crm.standing in (None, "joined", "left", "removed"):
            crm.by_a_person(value)
            crm.plan_and_send(value, "refused")
    for _ in range(3):
        crm.plan_and_send(wanted, "fine")
    crm.log.clear()
    crm.plan_and_send(wanted, "fine")
    assert crm.log == []
    assert crm.is_member == wanted or crm.by_hand or crm.forbidden or crm.standing == "removed"
